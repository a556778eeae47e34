using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
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
    protected void Snapshot()
    {
        TemporaryDirectory old = Files;
        Files = new TemporaryDirectory();
        foreach (string file in Directory.EnumerateFiles(old.Path, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(Files.Path, Path.GetRelativePath(old.Path, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            if (Path.GetFileName(file) != "lock")
            {
                File.Copy(file, copy);
            }
        }
    }
}

/// <summary>The redis-server of this machine, with its append-only file.</summary>
internal sealed class RedisServer : StoreServer
{
    private readonly int _port = FreePort();
    private Process? _process;

    public static string? Executable { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(directory => Path.Combine(directory, "redis-server")).FirstOrDefault(File.Exists);

    public override string Address => $"127.0.0.1:{_port}";

    public override async Task StartAsync()
    {
        Assert.SkipWhen(Executable is null, "No redis-server on the PATH.");
        string arguments = $"--port {_port} --bind 127.0.0.1 --dir {Files.Path} --appendonly yes --appendfsync no --save";
        _process = Process.Start(new ProcessStartInfo(Executable!, [.. arguments.Split(' '), ""]) { RedirectStandardOutput = true })!;
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

    /// <summary>Whether it is there and has read its files back: until then it says LOADING.</summary>
    private async Task<bool> AnswersAsync()
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, _port);
            await client.GetStream().WriteAsync("PING\r\n"u8.ToArray());
            byte[] answer = new byte[64];
            int read = await client.GetStream().ReadAsync(answer);
            return answer.AsSpan(0, read).StartsWith("+PONG"u8);
        }
        catch (Exception exception) when (exception is SocketException or IOException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
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
