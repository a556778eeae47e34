namespace Agentic.ModelRuntime;

/// <summary>Turns a piece of text into token ids. Safe for concurrent use.</summary>
internal interface ITokenModel
{
    void Encode(ReadOnlySpan<char> piece, List<int> ids);
}
