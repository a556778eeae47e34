namespace Agentic.Proxy;

/// <summary>Everything this project logs.</summary>
internal static partial class Log
{
    [LoggerMessage(100, LogLevel.Information, "{RequestId}: the client left.")]
    public static partial void ClientLeft(ILogger logger, string requestId);

    [LoggerMessage(101, LogLevel.Error, "{RequestId}: failed.")]
    public static partial void RequestFailed(ILogger logger, string requestId, Exception exception);

    [LoggerMessage(102, LogLevel.Error, "{RequestId}: failed after its stream had begun.")]
    public static partial void StreamFailed(ILogger logger, string requestId, Exception exception);

    [LoggerMessage(103, LogLevel.Debug, "{RequestId}: {PromptTokens} prompt tokens, {SplicedMessages} messages as they were generated.")]
    public static partial void PromptEncoded(ILogger logger, string requestId, int promptTokens, int splicedMessages);
}
