using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Agentic.Proxy;

/// <summary>Server-sent events. The headers leave with the first event, so that a failure before it is still a plain error.</summary>
internal sealed class EventStream(HttpResponse response) : IDisposable
{
    private readonly Utf8JsonWriter _json = new(response.BodyWriter, new JsonWriterOptions
    {
        Encoder = WireJson.Encoder,
        SkipValidation = true,
    });

    /// <summary>Whether an event has been written.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Writes an event; it leaves with the next flush.</summary>
    public void Write<T>(T item, JsonTypeInfo<T> type)
    {
        Begin();
        response.BodyWriter.Write("data: "u8);
        JsonSerializer.Serialize(_json, item, type);
        _json.Flush();
        _json.Reset();
        response.BodyWriter.Write("\n\n"u8);
    }

    /// <summary>Sends a comment, which readers skip: so that nobody on the way takes the connection for dead while a long prompt is
    /// read.</summary>
    public async ValueTask KeepAliveAsync(CancellationToken cancellation)
    {
        Begin();
        response.BodyWriter.Write(": keep-alive\n\n"u8);
        await FlushAsync(cancellation);
    }

    /// <summary>Writes the end.</summary>
    public void WriteDone()
    {
        Begin();
        response.BodyWriter.Write("data: [DONE]\n\n"u8);
    }

    /// <summary>Sends what has been written.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellation)
    {
        if (HasBegun)
            await response.BodyWriter.FlushAsync(cancellation);
    }

    /// <inheritdoc/>
    public void Dispose() => _json.Dispose();

    private void Begin()
    {
        if (HasBegun)
            return;
        HasBegun = true;
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        response.Headers["X-Accel-Buffering"] = "no";
    }
}
