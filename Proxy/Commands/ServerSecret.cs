using System.Security.Cryptography;

namespace Agentic.Proxy;

/// <summary>The server's own secret, under which namespaces are derived. Whoever has it can name another tenant's memory.</summary>
internal static class ServerSecret
{
    private const int Length = 32;

    /// <summary>Reads the secret of a data directory, or makes one that only this user can read.</summary>
    /// <exception cref="CommandException">The file is not a secret.</exception>
    public static byte[] Load(string directory)
    {
        string path = Path.Combine(directory, "secret");
        Directory.CreateDirectory(directory);
        if (!File.Exists(path))
            Create(path);
        byte[] secret = File.ReadAllBytes(path);
        return secret.Length == Length
            ? secret
            : throw new CommandException(
                $"{path}: {secret.Length} bytes, where a secret has {Length}; delete it for a new one (what was learned is then lost)");
    }

    /// <summary>Written whole beside its place and moved into it unless there is one: of two servers that start at once, both read the
    /// first one's.</summary>
    private static void Create(string path)
    {
        string part = path + "." + Path.GetRandomFileName();
        var onlyUs = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            onlyUs.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(part, onlyUs))
            file.Write(RandomNumberGenerator.GetBytes(Length));
        try
        {
            File.Move(part, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(part); // another server was first
        }
    }
}
