namespace Agentic.Proxy;

/// <summary>Lets running requests finish when the server is told to stop. Until they have, it still listens, so that whoever asks is told
/// it is stopping.</summary>
/// <remarks>Bounded by <see cref="HostOptions.ShutdownTimeout"/>; what then still runs is cut off.</remarks>
internal sealed class Draining : IHostedLifecycleService
{
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _requests = 1; // one for the server itself, until it stops

    /// <summary>Counts a request while it runs.</summary>
    public async Task CountAsync(HttpContext context, RequestDelegate next)
    {
        Interlocked.Increment(ref _requests);
        try
        {
            await next(context);
        }
        finally
        {
            Leave();
        }
    }

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        Leave();
        await Task.WhenAny(_empty.Task, Task.Delay(Timeout.Infinite, cancellationToken)); // whichever comes first: neither is a failure
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void Leave()
    {
        if (Interlocked.Decrement(ref _requests) == 0)
            _empty.TrySetResult();
    }
}
