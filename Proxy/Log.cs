using Agentic.ModelRuntime;
using Agentic.SuffixCache;

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

    [LoggerMessage(104, LogLevel.Warning, "/metrics leaves out {Metric}: {Reason}")]
    public static partial void MetricRefused(ILogger logger, string metric, string reason);

    [LoggerMessage(103, LogLevel.Debug, "{RequestId}: {PromptTokens} prompt tokens, {SplicedMessages} messages as they were generated.")]
    public static partial void PromptEncoded(ILogger logger, string requestId, int promptTokens, int splicedMessages);

    [LoggerMessage(110, LogLevel.Information, "Model {Name}, kept as {Storage}: vocabulary {Vocabulary}, context {Context} ({Directory}).")]
    public static partial void ModelLoaded(
        ILogger logger, string name, ModelStorage storage, int vocabulary, int context, string directory);

    [LoggerMessage(111, LogLevel.Information, "KV cache: {Blocks} blocks of {BlockSize} tokens, {Size}.")]
    public static partial void KvAllocated(ILogger logger, int blocks, int blockSize, string size);

    [LoggerMessage(117, LogLevel.Information, "Draft head: {Tokens} tokens, fed from boundaries {Boundaries}; names {Acceptance:0.00} of the next tokens, of {Checked} looked at ({Directory}).")]
    public static partial void HeadLoaded(ILogger logger, int tokens, string boundaries, double acceptance, int @checked, string directory);

    [LoggerMessage(118, LogLevel.Warning, "The draft head names only {Acceptance:0.00} of the next tokens; heads that fit their model reach {Healthy} and more.")]
    public static partial void HeadIsWeak(ILogger logger, double acceptance, double healthy);

    [LoggerMessage(119, LogLevel.Warning, "Serving without the draft head: {Reason}")]
    public static partial void HeadRefused(ILogger logger, string reason);

    [LoggerMessage(112, LogLevel.Information, "Store: {Store}.")]
    public static partial void StoreOpened(ILogger logger, string store);

    [LoggerMessage(113, LogLevel.Information, "Remembered {Sequences} sequences, {Tokens} tokens.")]
    public static partial void Replayed(ILogger logger, long sequences, long tokens);

    [LoggerMessage(114, LogLevel.Warning, "The store is away, and will be asked again: {Reason}")]
    public static partial void StoreAway(ILogger logger, string reason);

    [LoggerMessage(120, LogLevel.Information, "The store is there again.")]
    public static partial void StoreBack(ILogger logger);

    [LoggerMessage(121, LogLevel.Warning, "Namespace {Namespace}: the store keeps a sequence of another vocabulary, which is left out; more of them are only counted. Was another model's file imported into it?")]
    public static partial void SequenceForeign(ILogger logger, NamespaceKey @namespace);

    [LoggerMessage(116, LogLevel.Information, "Namespace {Namespace} was deleted, and is forgotten.")]
    public static partial void NamespaceForgotten(ILogger logger, NamespaceKey @namespace);

    [LoggerMessage(115, LogLevel.Information, "Listening on {Url}.")]
    public static partial void Listening(ILogger logger, string url);
}
