namespace Agentic.ModelRuntime;

/// <summary>A tokenizer as its file gives it: the way from text to ids, and back.</summary>
internal sealed record TokenizerRules
{
    public required Vocabulary Vocabulary { get; init; }

    public required ITokenModel Model { get; init; }

    public INormalizer? Normalizer { get; init; }

    public IReadOnlyList<IPreTokenizer> PreTokenizers { get; init; } = [];

    public IReadOnlyList<AddedToken> AddedTokens { get; init; } = [];

    /// <summary>Ids before and behind a text when special tokens are added.</summary>
    public IReadOnlyList<int> Prefix { get; init; } = [];

    public IReadOnlyList<int> Suffix { get; init; } = [];

    /// <summary>The steps of decoding in order, each made in front of the one that follows it.</summary>
    public IReadOnlyList<Func<DecodeStage, DecodeStage>> Decoder { get; init; } = [];

    /// <summary>The bytes that one token stands for, whatever stands around it.</summary>
    public required Func<string, byte[]> TokenBytes { get; init; }
}
