using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace Agentic.Proxy;

/// <summary>What every response says about its request: <c>x-request-id</c>, and the milliseconds until the headers left.</summary>
internal sealed class RequestHeaders(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
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
