using System.Text;

namespace Agentic.ModelRuntime;

/// <summary>Chains of decode steps that more than one tokenizer file means.</summary>
internal static class DecodeChain
{
    private static readonly (string Pattern, string Content)[] CleanUps =
    [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"), (" 've", "'ve"),
        (" 're", "'re"),
    ];

    /// <summary>Llama's: marks to spaces, byte tokens to characters, and the space that was set before the text off again.</summary>
    public static IReadOnlyList<Func<DecodeStage, DecodeStage>> SentencePiece(bool stripsPrefix) =>
    [
        next => new ReplaceStage("▁", " ", next), next => new ByteFallbackStage(next), next => new FuseStage(next),
        next => new StripStage(' ', stripsPrefix ? 1 : 0, 0, next),
    ];

    /// <summary>Takes out the spaces that word-piece tokenizers leave before punctuation.</summary>
    public static IReadOnlyList<Func<DecodeStage, DecodeStage>> CleanUp() =>
    [
        next => new FuseStage(next),
        .. CleanUps.Select(rule => (Func<DecodeStage, DecodeStage>)(next => new ReplaceStage(rule.Pattern, rule.Content, next))),
    ];

    public static DecodeStage Build(IReadOnlyList<Func<DecodeStage, DecodeStage>> steps, DecodeStage end) =>
        steps.Reverse().Aggregate(end, (next, step) => step(next));

    public static byte[] FallbackBytes(string token) =>
        ByteFallbackStage.ByteOf(token) is byte value ? [value] : Encoding.UTF8.GetBytes(token.Replace('▁', ' '));
}
