using System.Security.Cryptography;

namespace Agentic.Proxy;

/// <summary>The server's own secret, under which namespaces are derived. Whoever has it can name another tenant's memory.</summary>
internal static class ServerSecret
{
    private const int Length = 32;

    /// <summary>Reads the secret of a data directory, or makes one that only this user can read. Of servers that start at once, one makes
    /// it and the others read that one's.</summary>
    /// <exception cref="CommandException">The file is not a secret, or the directory cannot be used.</exception>
    public static byte[] Load(string directory)
    {
        string does = "made";
        try
        {
            Directory.CreateDirectory(directory);
            does = "used";
            return LoadFrom(Path.Combine(directory, "secret"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(
                $"data: the directory '{directory}' cannot be {does} ({e.Message.TrimEnd('.')}); name another with --data");
        }
    }

    private static byte[] LoadFrom(string path)
    {
        if (TryCreate(path) is { } created)
            return created;
        byte[] secret = File.ReadAllBytes(path);
        for (int wait = 1; secret.Length == 0 && wait <= 512; wait *= 2) // its maker is between creating and writing it
        {
            Thread.Sleep(wait);
            secret = File.ReadAllBytes(path);
        }
        return secret.Length == Length
            ? secret
            : throw new CommandException(
                $"{path}: {secret.Length} bytes, where a secret has {Length}; delete it for a new one (what was learned is then lost)");
    }

    /// <summary>The secret of a data directory, or null where none was made yet.</summary>
    /// <exception cref="CommandException">The file is not a secret.</exception>
    public static byte[]? Find(string directory) => File.Exists(Path.Combine(directory, "secret")) ? Load(directory) : null;

    /// <summary>Creates the file exclusively, which every file system does atomically; a rename that refuses to overwrite is not atomic
    /// on those without hard links. Null where there is one already.</summary>
    private static byte[]? TryCreate(string path)
    {
        if (File.Exists(path))
            return null;
        var onlyUs = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.Read };
        if (!OperatingSystem.IsWindows())
            onlyUs.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            using var file = new FileStream(path, onlyUs);
            byte[] secret = RandomNumberGenerator.GetBytes(Length);
            file.Write(secret);
            file.Flush(flushToDisk: true);
            return secret;
        }
        catch (IOException) when (File.Exists(path))
        {
            return null;
        }
    }
}
