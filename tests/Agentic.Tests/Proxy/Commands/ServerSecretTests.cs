using Agentic.Proxy;

namespace Agentic.Tests;

public sealed class ServerSecretTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void SecondLoad_GivesTheSameSecret()
    {
        byte[] secret = ServerSecret.Load(_directory["data"]);

        Assert.Equal(32, secret.Length);
        Assert.NotEqual(new byte[32], secret);
        Assert.Equal(secret, ServerSecret.Load(_directory["data"]));
        Assert.Single(Directory.GetFiles(_directory["data"]));
    }

    [Fact]
    public void File_IsReadByItsUserOnly()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such modes");
        ServerSecret.Load(_directory.Path);

#pragma warning disable CA1416 // skipped above on Windows
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_directory["secret"]));
#pragma warning restore CA1416
    }

    [Fact]
    public void ManyServersAtOnce_ShareOneSecret()
    {
        byte[][] secrets = new byte[16][];
        Parallel.For(0, secrets.Length, i => secrets[i] = ServerSecret.Load(_directory.Path));

        Assert.All(secrets, secret => Assert.Equal(secrets[0], secret));
    }

    [Fact]
    public void UnusableDirectory_NamesTheOption()
    {
        Directory.CreateDirectory(_directory["secret"]);   // where the file would be

        Assert.Contains($"data: the directory '{_directory.Path}' cannot be used",
            Assert.Throws<CommandException>(() => ServerSecret.Load(_directory.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DamagedFile_SaysWhatToDo()
    {
        File.WriteAllText(_directory["secret"], "short");

        Assert.Contains("delete it", Assert.Throws<CommandException>(() => ServerSecret.Load(_directory.Path)).Message,
            StringComparison.Ordinal);
    }
}
