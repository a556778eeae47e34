using Agentic.SuffixCache;
using Microsoft.Extensions.Logging;

namespace Agentic.Tests;

/// <summary>Keeps which events were logged.</summary>
internal sealed class LinesLogger : ILogger<RedisSequenceStore>
{
    public List<int> Events { get; } = [];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (Events)
            Events.Add(eventId.Id);
    }
}
