namespace Agentic.ModelRuntime;

/// <summary>SentencePiece's treatment of white space: ▁ for a space, one more before the text.</summary>
internal sealed class SentencePiecePreTokenizer(bool prefixes, bool prefixesEveryPiece, bool removesExtraSpaces) : IPreTokenizer
{
    public bool LeavesOut => removesExtraSpaces;

    public void Split(Piece piece, List<Piece> pieces)
    {
        string text = piece.Text.ToString();
        if (removesExtraSpaces)
            text = string.Join(' ', text.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        if (text.Length == 0)
            return;
        text = text.Replace(' ', '▁');
        pieces.Add(Piece.Whole(prefixes && (prefixesEveryPiece || piece.IsFirst) ? "▁" + text : text, piece.IsFirst));
    }
}
