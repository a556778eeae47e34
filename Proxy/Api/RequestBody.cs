using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Features;

namespace Agentic.Proxy;

/// <summary>Reads a request's JSON whole. Nothing is left for later to stumble over: text is checked, a repeated name takes its last
/// value.</summary>
internal static class RequestBody
{
    private const int MaxDepth = 64;

    private static ReadOnlySpan<byte> ByteOrderMark => "\uFEFF"u8;

    /// <exception cref="ApiException">413 above <paramref name="maxBytes"/>; 415 for a compressed body; 400 for anything that is not a JSON
    /// object.</exception>
    public static async Task<JsonObject> ReadAsync(HttpContext context, long maxBytes)
    {
        if (context.Request.Headers.ContentEncoding.ToString() is { Length: > 0 } encoding
            && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase))
            throw new ApiException(StatusCodes.Status415UnsupportedMediaType, new(
                $"The body is encoded as '{encoding}', which is not supported: send it as it is, without the header 'Content-Encoding'.",
                "invalid_request_error", null, "unsupported_content_encoding"));
        if (context.Request.ContentLength > maxBytes)
            throw Errors.TooLarge();
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = maxBytes;   // Kestrel's own is 30 MB
        PipeReader pipe = context.Request.BodyReader;
        while (true)
        {
            ReadResult result = await pipe.ReadAsync(context.RequestAborted);
            SequencePosition consumed = result.Buffer.End;
            try
            {
                // Whatever is thrown, what was read is given back: else the connection is lost, and the client's next request with it.
                if (result.Buffer.Length > maxBytes)
                    throw Errors.TooLarge();
                if (result.IsCompleted)
                    return Parse(result.Buffer);
                consumed = result.Buffer.Start;
            }
            finally
            {
                pipe.AdvanceTo(consumed, result.Buffer.End);
            }
        }
    }

    internal static JsonObject Parse(ReadOnlySequence<byte> utf8)
    {
        SequenceReader<byte> marked = new(utf8);
        if (marked.IsNext(ByteOrderMark, advancePast: true))
            utf8 = marked.UnreadSequence;
        try
        {
            Utf8JsonReader reader = new(utf8, new JsonReaderOptions { MaxDepth = MaxDepth });
            reader.Read();
            JsonNode? body = ReadValue(ref reader);
            while (reader.Read())
                continue;   // throws on anything but whitespace
            return body as JsonObject ?? throw NotJson("it is not an object");
        }
        catch (JsonException exception)
        {
            // The first sentence says what is wrong; the next ones advise whoever calls the reader.
            string[] sentences = exception.Message.Split(". ", 2);
            throw NotJson($"{sentences[0]} (line {exception.LineNumber + 1}, byte {exception.BytePositionInLine})");
        }
        catch (InvalidOperationException)   // Utf8JsonReader.GetString on half a surrogate pair or on bytes that are not UTF-8
        {
            throw NotJson("it holds text that is not valid Unicode");
        }
    }

    private static JsonNode? ReadValue(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                JsonObject members = [];
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    string name = reader.GetString()!;
                    reader.Read();
                    members[name] = ReadValue(ref reader);
                }

                return members;
            case JsonTokenType.StartArray:
                JsonArray items = [];
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    items.Add(ReadValue(ref reader));
                return items;
            case JsonTokenType.String:
                return JsonValue.Create(reader.GetString());
            case JsonTokenType.True or JsonTokenType.False:
                return JsonValue.Create(reader.GetBoolean());
            case JsonTokenType.Null:
                return null;
            default:
                return JsonValue.Create(JsonElement.ParseValue(ref reader));   // a number keeps the digits it was written with
        }
    }

    private static ApiException NotJson(string why) =>
        ApiException.Invalid($"We could not parse the JSON body of your request: {why}.", null);
}
