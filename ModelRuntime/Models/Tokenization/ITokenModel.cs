namespace Agentic.ModelRuntime;

/// <summary>Turns a piece of text into token ids. Safe for concurrent use.</summary>
internal interface ITokenModel
{
    /// <summary>Whether each byte of a piece is in one of its tokens: what is unknown neither vanishes nor becomes one.</summary>
    bool KeepsEveryByte { get; }

    void Encode(ReadOnlySpan<char> piece, List<int> ids);
}
