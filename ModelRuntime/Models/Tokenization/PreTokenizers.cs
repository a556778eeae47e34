namespace Agentic.ModelRuntime;

/// <summary>A stretch of text on its way to the model. <paramref name="IsFirst"/>: it begins where the whole text begins.</summary>
internal readonly record struct Piece(string Source, int Start, int Length, bool IsFirst)
{
    public ReadOnlySpan<char> Text => Source.AsSpan(Start, Length);

    public static Piece Whole(string text, bool isFirst) => new(text, 0, text.Length, isFirst);

    public Piece Slice(int start, int end) => new(Source, Start + start, end - start, IsFirst && start == 0);
}

/// <summary>Cuts a piece into smaller ones, none of them empty.</summary>
internal interface IPreTokenizer
{
    /// <summary>Whether pieces may lack some of what they are cut from.</summary>
    bool LeavesOut => false;

    void Split(Piece piece, List<Piece> pieces);
}

/// <summary>Where the text that a pattern matches goes.</summary>
internal enum SplitBehavior
{
    /// <summary>Matches vanish.</summary>
    Removed,

    /// <summary>Each match is a piece.</summary>
    Isolated,

    /// <summary>A match ends the piece before it.</summary>
    MergedWithPrevious,

    /// <summary>A match begins the piece after it.</summary>
    MergedWithNext,

    /// <summary>Neighbouring matches are one piece.</summary>
    Contiguous,
}

/// <summary>Cuts by a pattern: <c>Split</c>, and with patterns of their own <c>Digits</c>, <c>Punctuation</c>, <c>Whitespace</c>.</summary>
internal sealed class SplitPreTokenizer(UnicodeRegex pattern, SplitBehavior behavior, bool invert) : IPreTokenizer
{
    [ThreadStatic]
    private static List<(int Start, int End)>? _matches;

    public bool LeavesOut => behavior == SplitBehavior.Removed;

    public void Split(Piece piece, List<Piece> pieces)
    {
        List<(int Start, int End)> matches = _matches ??= [];
        matches.Clear();
        pattern.Find(piece.Text, matches);
        if (behavior == SplitBehavior.Isolated)
            Isolate(piece, matches, pieces);
        else
            Merge(piece, Alternate(matches, piece.Length), pieces);
    }

    private static void Isolate(Piece piece, List<(int Start, int End)> matches, List<Piece> pieces)
    {
        int end = 0;
        foreach ((int start, int stop) in matches)
        {
            Add(piece, end, start, pieces);
            Add(piece, start, stop, pieces);
            end = stop;
        }
        Add(piece, end, piece.Length, pieces);
    }

    private List<(int Start, int End, bool IsMatch)> Alternate(List<(int Start, int End)> matches, int length)
    {
        List<(int Start, int End, bool IsMatch)> spans = [];
        int end = 0;
        foreach ((int start, int stop) in matches)
        {
            if (start > end)
                spans.Add((end, start, invert));
            spans.Add((start, stop, !invert));
            end = stop;
        }
        if (end < length)
            spans.Add((end, length, invert));
        return spans;
    }

    private void Merge(Piece piece, List<(int Start, int End, bool IsMatch)> spans, List<Piece> pieces)
    {
        int open = 0; // where the piece being gathered starts
        for (int i = 0; i < spans.Count; i++)
        {
            (int start, int end, bool isMatch) = spans[i];
            bool nextIsMatch = i + 1 < spans.Count && spans[i + 1].IsMatch;
            bool last = i + 1 == spans.Count;
            if (behavior == SplitBehavior.Removed && isMatch)
            {
                open = end;
                continue;
            }
            bool closes = behavior switch
            {
                SplitBehavior.Contiguous => last || nextIsMatch != isMatch,
                SplitBehavior.MergedWithPrevious => last || isMatch || !nextIsMatch,
                SplitBehavior.MergedWithNext => last || !isMatch || nextIsMatch,
                _ => true,
            };
            if (closes)
            {
                Add(piece, open, end, pieces);
                open = end;
            }
        }
    }

    private static void Add(Piece piece, int start, int end, List<Piece> pieces)
    {
        if (end > start)
            pieces.Add(piece.Slice(start, end));
    }
}

/// <summary>Writes spaces as a visible mark (▁), sets one before the text, and cuts before each.</summary>
internal sealed class MetaspacePreTokenizer(char mark, MetaspacePreTokenizer.Prepend prepend, bool split) : IPreTokenizer
{
    /// <summary>Which pieces get a mark before them.</summary>
    public enum Prepend
    {
        /// <summary>All.</summary>
        Always,

        /// <summary>The one that the text begins with.</summary>
        First,

        /// <summary>None.</summary>
        Never,
    }

    public void Split(Piece piece, List<Piece> pieces)
    {
        string text = piece.Text.Contains(' ') ? piece.Text.ToString().Replace(' ', mark) : piece.Text.ToString();
        bool wanted = prepend == Prepend.Always || (prepend == Prepend.First && piece.IsFirst);
        if (wanted && !text.StartsWith(mark))
            text = mark + text;
        Piece marked = Piece.Whole(text, piece.IsFirst);
        int start = 0;
        for (int next; split && (next = text.IndexOf(mark, start + 1)) >= 0; start = next)
            pieces.Add(marked.Slice(start, next));
        if (start < text.Length)
            pieces.Add(marked.Slice(start, text.Length));
    }
}

/// <summary>Sets a space before each piece that has none.</summary>
internal sealed class PrefixSpacePreTokenizer : IPreTokenizer
{
    public void Split(Piece piece, List<Piece> pieces) =>
        pieces.Add(piece.Text.StartsWith(' ') ? piece : Piece.Whole(" " + piece.Text.ToString(), piece.IsFirst));
}

/// <summary>Writes each byte of a piece as its letter of the byte-level alphabet, for the steps that follow.</summary>
internal sealed class ByteLettersPreTokenizer : IPreTokenizer
{
    public void Split(Piece piece, List<Piece> pieces) =>
        pieces.Add(Piece.Whole(ByteAlphabet.Spell(piece.Text), piece.IsFirst));
}
