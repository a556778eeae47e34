namespace Agentic.Proxy;

/// <summary>The markers with which a model was taught to write what lies between a prompt and a suffix (Bavarian et al., 2022).</summary>
internal sealed record FillInTheMiddle(int Prefix, int Suffix, int Middle)
{
    // As Qwen-Coder and StarCoder spell them.
    private static readonly string[] Spellings = ["<|fim_{0}|>", "<fim_{0}>"];

    /// <summary>The markers of a tokenizer, or null where it has none.</summary>
    public static FillInTheMiddle? Of(ITextCodec codec)
    {
        foreach (string spelling in Spellings)
        {
            if (Marker("prefix") is { } prefix && Marker("suffix") is { } suffix && Marker("middle") is { } middle)
                return new(prefix, suffix, middle);

            int? Marker(string name) =>
                codec.Encode(spelling.Replace("{0}", name, StringComparison.Ordinal), addSpecialTokens: false) is [var id] ? id : null;
        }

        return null;
    }

    /// <summary>The prompt after which the model writes what lies between.</summary>
    public int[] Join(int[] before, int[] after) => [Prefix, .. before, Suffix, .. after, Middle];
}
