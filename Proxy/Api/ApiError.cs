using System.Text.Json.Serialization;

namespace Agentic.Proxy;

/// <summary>What a client sees when something is wrong: always all four fields.</summary>
/// <param name="Error">What is wrong.</param>
internal sealed record ErrorResponse(ErrorDetail Error);

/// <summary>One error, as OpenAI's clients read it.</summary>
/// <param name="Message">For a person.</param>
/// <param name="Type">invalid_request_error, rate_limit_error or server_error.</param>
/// <param name="Param">The field at fault, such as <c>messages[2].role</c>.</param>
/// <param name="Code">For a program.</param>
internal sealed record ErrorDetail(
    string Message, string Type, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Param, string? Code);

/// <summary>Ends a request with an error object.</summary>
internal sealed class ApiException(int status, ErrorDetail error) : Exception(error.Message)
{
    /// <summary>HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary>What the client reads.</summary>
    public ErrorDetail Error { get; } = error;

    /// <summary>When to try again, or null.</summary>
    public TimeSpan? RetryAfter { get; init; }

    public static ApiException Invalid(string message, string? param, string? code = null) =>
        new(StatusCodes.Status400BadRequest, new(message, "invalid_request_error", param, code));

    public static ApiException Missing(string param) =>
        Invalid($"Missing required parameter: '{param}'.", param, "missing_required_parameter");

    public static ApiException WrongType(string param, string expected, string got) =>
        Invalid($"Invalid type for '{param}': expected {expected}, but got {got} instead.", param, "invalid_type");

    public static ApiException WrongValue(string param, string? got, params IEnumerable<string> supported) =>
        Invalid($"Invalid value: '{got}'. Supported values are: {string.Join(", ", supported.Select(value => $"'{value}'"))}.",
            param, "invalid_value");

    public static ApiException TooLong(int contextTokens, long promptTokens, string param, bool isExact = true) =>
        Invalid(
            $"This model's maximum context length is {contextTokens} tokens. However, your request has "
            + $"{(isExact ? "" : "at least ")}{promptTokens} tokens and leaves no room for an answer. "
            + "Please reduce its length.", param, "context_length_exceeded");

    public static ApiException WrongKey(string message) =>
        new(StatusCodes.Status401Unauthorized, new(message, "invalid_request_error", null, "invalid_api_key"));

    public static ApiException UnknownModel(string model) =>
        new(StatusCodes.Status404NotFound,
            new($"The model `{model}` does not exist or you do not have access to it. GET /v1/models lists those that do.",
                "invalid_request_error", "model", "model_not_found"));

    public static ApiException Server(string message, int status = StatusCodes.Status500InternalServerError) =>
        new(status, new(message, "server_error", null, null));
}
