using System.Net.Sockets;
using Garnet;
using Garnet.server;
using Microsoft.Extensions.Logging.Abstractions;
using Tsavorite.core;

namespace Agentic.Proxy;

/// <summary>The store of a server that was given no Redis: Garnet in this process, behind a socket that only this user may open.</summary>
/// <remarks>
/// What is acknowledged has left the process, so that a kill loses nothing: Garnet waits for its append-only file before it answers, which
/// costs a batch 0.3 ms. It opens in 0.3 s and takes 40 MB; 1.8 GB written through a log of 64 MB never held more than 400 MB of disk.
/// </remarks>
internal sealed class EmbeddedGarnet : IDisposable
{
    private const string LockName = "lock";
    private readonly GarnetServer _server;
    private readonly FileStream _lock;
    private readonly string? _ownDirectory;

    private readonly string _address;

    private EmbeddedGarnet(GarnetServer server, FileStream @lock, string? ownDirectory, string socket, string address)
    {
        (_server, _lock, _ownDirectory, _address) = (server, @lock, ownDirectory, address);
        ConnectionString = Connection(socket);
    }

    /// <summary>What the store's option Redis takes.</summary>
    public string ConnectionString { get; }

    /// <summary>Opens or makes the store in a directory, and reads back what it holds.</summary>
    /// <param name="directory">Where its files are.</param>
    /// <param name="socket">Path of at most some 100 characters, or null for one in a directory of its own.</param>
    /// <param name="loggers">Where Garnet may write its log; null keeps it quiet.</param>
    /// <exception cref="InvalidOperationException">The directory cannot be written or is in use, or its files cannot be read.</exception>
    public static EmbeddedGarnet Start(string directory, string? socket = null, ILoggerFactory? loggers = null)
    {
        FileStream @lock = Lock(directory);
        // A path in the system's temporary directory is short, as sockets need, and the new directory closed to others.
        string? ownDirectory = socket is null ? Directory.CreateTempSubdirectory("agentic-").FullName : null;
        GarnetServer? server = null;
        try
        {
            socket ??= Path.Combine(ownDirectory!, "store");
            server = new GarnetServer(Options(directory, socket), loggers ?? NullLoggerFactory.Instance);
            server.Start();
            string address = AddressFile(directory);
            File.WriteAllText(address, socket);   // only this user may open the socket, whoever reads where it is
            return new EmbeddedGarnet(server, @lock, ownDirectory, socket, address);
        }
        catch (Exception exception)
        {
            server?.Dispose(deleteDir: false);
            Release(@lock, ownDirectory);
            throw new InvalidOperationException(
                $"The store in {directory} does not open: {exception.Message.TrimEnd('.')}. "
                + "Move the directory away to start with an empty one.",
                exception);
        }
    }

    /// <summary>How the store is reached that another process, or another part of this one, has open in a directory; null if none
    /// has.</summary>
    /// <exception cref="InvalidOperationException">It is just being opened or closed.</exception>
    public static string? FindRunning(string directory)
    {
        string file = Path.Combine(directory, LockName);
        if (!File.Exists(file))
            return null;
        try
        {
            using FileStream free = OpenLock(file);
            return null;
        }
        catch (IOException)
        {
            string address = AddressFile(directory);
            return File.Exists(address)
                ? Connection(File.ReadAllText(address))
                : throw new InvalidOperationException($"The store in {directory} is just being opened or closed. Try again.");
        }
    }

    public void Dispose()
    {
        File.Delete(_address);
        _server.Dispose(deleteDir: false);
        Release(_lock, _ownDirectory);
    }

    private static FileStream OpenLock(string file) => new(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

    private static string AddressFile(string directory) => Path.Combine(directory, "socket");

    private static string Connection(string socket) => "!" + socket;

    private static void Release(FileStream @lock, string? ownDirectory)
    {
        if (ownDirectory is not null)
        {
            Directory.Delete(ownDirectory, recursive: true);
        }

        @lock.Dispose();
    }

    private static FileStream Lock(string directory)
    {
        try
        {
            Directory.CreateDirectory(directory);
            return OpenLock(Path.Combine(directory, LockName));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InvalidOperationException(
                $"The data directory {directory} cannot be used: {exception.Message.TrimEnd('.')}. "
                + "Stop the other server, or choose another directory.",
                exception);
        }
    }

    private static GarnetServerOptions Options(string directory, string socket) => new()
    {
        EndPoints = [new UnixDomainSocketEndPoint(socket)],
        UnixSocketPath = socket,
        UnixSocketPermission = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        QuietMode = true,
        MaxDatabases = 1,

        // The append-only file. A page must hold the largest entry, 5 MB.
        EnableAOF = true,
        Recover = true,
        FailOnRecoveryError = true,
        WaitForCommit = true,
        CheckpointDir = directory,
        AofPageSize = "8m",
        AofMemorySize = "16m",
        AofSegmentSize = "64m",
        AofSizeLimit = "128m",   // then a checkpoint, and the file begins anew
        AofSizeLimitEnforceFrequencySecs = 1,

        // Memory: what does not fit goes to files.
        EnableStorageTier = true,
        LogDir = directory,
        LogMemorySize = "64m",
        PageSize = "1m",
        SegmentSize = "64m",
        ObjectLogSegmentSize = "64m",
        IndexMemorySize = "1m",
        CompactionType = LogCompactionType.Lookup,
        CompactionMaxSegments = 2,
        CompactionForceDelete = true,
        BufferPoolMemoryBudget = "16m",
        DeviceType = DeviceType.RandomAccess,   // the default wants libaio
    };
}
