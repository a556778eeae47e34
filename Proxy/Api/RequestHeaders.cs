using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace Agentic.Proxy;

/// <summary>What every response says about its request: <c>x-request-id</c>, and the milliseconds until the headers left. To HEAD that
/// is all, and otherwise what GET would be answered.</summary>
internal sealed class RequestHeaders(RequestDelegate next)
{
    /// <summary>Headers of responses that a page in a browser may read.</summary>
    public static string[] OfResponses { get; } =
    [
        "x-request-id", "openai-processing-ms", "retry-after", "retry-after-ms",
        "x-agentic-decode-steps", "x-agentic-drafted-tokens", "x-agentic-accepted-tokens",
    ];

    public Task InvokeAsync(HttpContext context)
    {
        if (HttpMethods.IsHead(context.Request.Method))
        {
            context.Request.Method = HttpMethods.Get;
            context.Response.Body = Stream.Null;
        }

        context.TraceIdentifier = "req_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        long started = Stopwatch.GetTimestamp();
        context.Response.OnStarting(() =>
        {
            Set(context);
            context.Response.Headers["openai-processing-ms"] =
                ((long)Stopwatch.GetElapsedTime(started).TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
            return Task.CompletedTask;
        });

        return next(context);
    }

    public static void Set(HttpContext context) => context.Response.Headers["x-request-id"] = context.TraceIdentifier;
}
