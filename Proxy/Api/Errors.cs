using System.Globalization;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>Turns whatever ends a request early into an error object, whatever route or none it was on.</summary>
internal sealed class Errors(RequestDelegate next, ILogger<Errors> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
            if (!context.Response.HasStarted && OfStatus(context) is { } error)
                await WriteAsync(context, context.Response.StatusCode, error);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            Log.ClientLeft(logger, context.TraceIdentifier);   // nobody is there to be told
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            ApiException refusal = Explain(exception);
            if (refusal.Status >= 500 && exception is not ApiException)
                Log.RequestFailed(logger, context.TraceIdentifier, exception);
            context.Response.Clear();
            RequestHeaders.Set(context);
            if (refusal.Status == StatusCodes.Status401Unauthorized)
                context.Response.Headers.WWWAuthenticate = "Bearer";   // RFC 9110 asks that a 401 says how
            if (refusal.RetryAfter is { } retry)
            {
                context.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(retry.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
                context.Response.Headers["Retry-After-Ms"] = Math.Ceiling(retry.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
            }

            await WriteAsync(context, refusal.Status, refusal.Error);
        }
    }

    /// <summary>The error a client is told for an exception.</summary>
    public static ApiException Explain(Exception exception) => exception switch
    {
        ApiException refusal => refusal,
        EngineBusyException busy => Busy(busy.RetryAfter),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => TooLarge(),
        BadHttpRequestException bad => new(bad.StatusCode, new(bad.Message, "invalid_request_error", null, null)),
        _ => ApiException.Server("The server had an error while processing your request."),
    };

    private static ApiException Busy(TimeSpan retryAfter)
    {
        ErrorDetail error = new("The server is busy. Please try again later.", "rate_limit_error", null, "rate_limit_exceeded");
        return new ApiException(StatusCodes.Status429TooManyRequests, error) { RetryAfter = retryAfter };
    }

    public static ApiException TooLarge() =>
        new(StatusCodes.Status413PayloadTooLarge, new("The request body is too large.", "invalid_request_error", null,
            "request_too_large"));

    /// <summary>Statuses that routing sets without a body.</summary>
    private static ErrorDetail? OfStatus(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound =>
            new(
                $"Unknown request URL: {context.Request.Method} {context.Request.Path}. "
                + $"This server has {string.Join(", ", Health.Endpoints)}.",
                "invalid_request_error", null, "unknown_url"),
        StatusCodes.Status405MethodNotAllowed =>
            new($"Not allowed to {context.Request.Method} on {context.Request.Path}.", "invalid_request_error", null,
                "method_not_supported"),
        StatusCodes.Status415UnsupportedMediaType =>
            new("The body must be JSON, and say so: send the header 'Content-Type: application/json'.", "invalid_request_error", null,
                "unsupported_content_type"),
        _ => null,
    };

    private static Task WriteAsync(HttpContext context, int status, ErrorDetail error)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsJsonAsync(new ErrorResponse(error), WireJson.Wire.ErrorResponse, "application/json");
    }
}
