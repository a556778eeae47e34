using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Agentic.Proxy;
using StackExchange.Redis;

namespace Agentic.Tests;

/// <summary>A server that a test starts, kills and starts again on the same files and address.</summary>
internal abstract class StoreServer : IAsyncDisposable
{
    protected TemporaryDirectory Files { get; private set; } = new();

    public abstract string Address { get; }

    public abstract Task StartAsync();

    /// <summary>Ends it as a kill -9 would: nothing more reaches its files.</summary>
    public abstract Task KillAsync();

    public async Task<ConnectionMultiplexer> ConnectAsync() => await ConnectionMultiplexer.ConnectAsync(Address + ",allowAdmin=true");

    public virtual async ValueTask DisposeAsync()
    {
        await KillAsync();
        Files.Dispose();
    }

    /// <summary>Goes on with the files as they are at this moment.</summary>
    /// <remarks>A store that still writes changes them between two copies. Its record of what is committed is copied first, so that it never names
    /// more than the log has; and all is copied again where a file came or went meanwhile, since a kill would have left either the old or the new.</remarks>
    protected void Snapshot()
    {
        string from = Files.Path;
        do
        {
            if (Files.Path != from)
                Files.Dispose();
            Files = new TemporaryDirectory();
        }
        while (!TryCopy(from, Files.Path));
    }

    private static bool TryCopy(string from, string to)
    {
        string[] files = List();
        try
        {
            foreach (string file in files)
            {
                string copy = Path.Combine(to, Path.GetRelativePath(from, file));
                Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                File.Copy(file, copy);
            }
        }
        catch (FileNotFoundException)
        {
            return false;
        }

        return List().SequenceEqual(files);

        string[] List() =>
        [
            .. Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != "lock")
                .OrderBy(file => file.Contains("commit", StringComparison.Ordinal) ? 0 : 1).ThenBy(file => file, StringComparer.Ordinal),
        ];
    }
}

/// <summary>The redis-server of this machine, with its append-only file.</summary>
/// <param name="options">More of its command line; the last of an option counts.</param>
internal sealed class RedisServer(params string[] options) : StoreServer
{
    private Process? _process;

    public int Port { get; } = FreePort();

    public bool IsRunning => _process is not null;

    public static string? Executable { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(directory => Path.Combine(directory, "redis-server")).FirstOrDefault(File.Exists);

    public override string Address => $"127.0.0.1:{Port}";

    public override async Task StartAsync()
    {
        Assert.SkipWhen(Executable is null, "No redis-server on the PATH.");
        string arguments = $"--port {Port} --bind 127.0.0.1 --dir {Files.Path} --appendonly yes --appendfsync no --save";
        _process = Process.Start(new ProcessStartInfo(Executable!, [.. arguments.Split(' '), "", .. options]) { RedirectStandardOutput = true })!;
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        var waited = Stopwatch.StartNew();
        while (!await AnswersAsync())
        {
            Assert.False(_process.HasExited || waited.Elapsed > TimeSpan.FromSeconds(10), "redis-server did not start.");
            await Task.Delay(10);
        }
    }

    public override async Task KillAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
            _process = null;
        }
    }

    /// <summary>Sends a command of plain words.</summary>
    /// <returns>As the protocol has it; empty if the server is not there.</returns>
    public async Task<string> AskAsync(string command)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, Port);
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(command + "\r\n"));
            byte[] answer = new byte[4096];
            return Encoding.ASCII.GetString(answer, 0, await client.GetStream().ReadAsync(answer));
        }
        catch (Exception exception) when (exception is SocketException or IOException)
        {
            return "";
        }
    }

    /// <summary>A port that nobody listens on, and from which no connection begins: one would take it while the server is dead.</summary>
    public static int FreePort()
    {
        while (true)
        {
            int port = Random.Shared.Next(12_000, 32_000);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken: another.
            }
        }
    }

    /// <summary>Whether it is there and has read its files back: until then it says LOADING.</summary>
    private async Task<bool> AnswersAsync() => (await AskAsync("PING")).StartsWith("+PONG", StringComparison.Ordinal);
}

/// <summary>Garnet as the server embeds it, with the files a kill would have left.</summary>
internal sealed class GarnetServer : StoreServer
{
    private readonly TemporaryDirectory _address = new();
    private EmbeddedGarnet? _garnet;

    public override string Address => "!" + _address["store"];

    public override Task StartAsync()
    {
        _garnet = EmbeddedGarnet.Start(Files.Path, _address["store"]);
        return Task.CompletedTask;
    }

    public override Task KillAsync()
    {
        if (_garnet is not null)
        {
            string killed = Files.Path;
            Snapshot();
            _garnet.Dispose();
            Directory.Delete(killed, recursive: true);
            _garnet = null;
        }

        return Task.CompletedTask;
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _address.Dispose();
    }
}
