using Microsoft.Extensions.Logging;

namespace Agentic.ModelRuntime;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Error, "A step failed; its {Count} requests were ended with an error.")]
    public static partial void StepFailed(ILogger logger, Exception exception, int count);

    [LoggerMessage(2, LogLevel.Information, "Verifying so many rows takes: {Points}.")]
    public static partial void CostMeasured(ILogger logger, string points);
}
