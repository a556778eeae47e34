using System.Net;
using System.Net.Sockets;

namespace Agentic.Tests;

/// <summary>A way to a server that is slow, or leads nowhere for a while, as a network may be.</summary>
internal sealed class DelayingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _pumps = [];
    private readonly IPEndPoint _target;
    private readonly Task _accepting;

    /// <param name="target">Where it leads.</param>
    public DelayingProxy(IPEndPoint target)
    {
        _target = target;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Address => _listener.LocalEndpoint.ToString()!;

    /// <summary>Of every piece, each way.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>Whether connections are accepted and what is sent on them is lost.</summary>
    public bool IsHole { get; set; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        await Task.WhenAll(_pumps);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token);
                _pumps.Add(ServeAsync(client));
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // Stopped.
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        using (TcpClient server = new())
        {
            try
            {
                await server.ConnectAsync(_target, _stop.Token);
                await Task.WhenAny(PumpAsync(client.GetStream(), server.GetStream()), PumpAsync(server.GetStream(), client.GetStream()));
            }
            catch (Exception exception) when (exception is SocketException or IOException or OperationCanceledException)
            {
                // One of the two has gone; the other is told by the end of its connection.
            }
        }
    }

    private async Task PumpAsync(NetworkStream from, NetworkStream to)
    {
        byte[] piece = new byte[64 << 10];
        try
        {
            while (await from.ReadAsync(piece, _stop.Token) is > 0 and int read)
            {
                if (Delay > TimeSpan.Zero)
                    await Task.Delay(Delay, _stop.Token);
                if (IsHole)
                    return;   // half of a command never arrives: the connection is of no use any more
                await to.WriteAsync(piece.AsMemory(0, read), _stop.Token);
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // As above.
        }
    }
}
