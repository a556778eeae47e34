namespace Agentic.ModelRuntime;

/// <summary>The call skeletons of one request in one row of tokens, and where in them an answer may be.</summary>
internal sealed class SkeletonIndex
{
    /// <summary>Between pieces.</summary>
    public const int Gap = -1;

    private const int LongestMatch = 8;
    private const int LongestSkeletons = 1 << 16;

    private readonly List<int> _tokens = [Gap];
    private readonly List<Layout> _layouts = [];
    private readonly int[] _layoutsOfTool;

    public SkeletonIndex(IReadOnlyList<CallSkeleton> skeletons)
    {
        _layoutsOfTool = new int[skeletons.Count == 0 ? 0 : skeletons.Max(skeleton => skeleton.Tool) + 1];
        foreach (CallSkeleton skeleton in skeletons)
        {
            if (_tokens.Count + skeleton.Pieces.Sum(piece => piece.Length + 1) > LongestSkeletons)
                break;
            int start = _tokens.Count;
            foreach (int[] piece in skeleton.Pieces)
            {
                _tokens.AddRange(piece);
                _tokens.Add(Gap);
            }

            _layouts.Add(new Layout(skeleton, start, start + skeleton.Pieces[0].Length, _tokens.Count));
            _layoutsOfTool[skeleton.Tool]++;
        }
    }

    /// <summary>The token at a place, or <see cref="Gap"/>.</summary>
    public int TokenAt(int place) => _tokens[place];

    /// <summary>Among places of one style each tool weighs the same, however many layouts it has.</summary>
    public float WeightOf(int layout) => 1f / _layoutsOfTool[_layouts[layout].Skeleton.Tool];

    public int StyleOf(int layout) => _layouts[layout].Skeleton.Style;

    /// <summary>Where a call may begin or have begun: after the longest stretch of any first piece that the tokens end with.</summary>
    /// <returns>Length of the stretch; 0 without one.</returns>
    public int FindBeginnings(ReadOnlySpan<int> tokens, bool answerBegins, List<Place> into)
    {
        into.Clear();
        int longest = 0;
        for (int i = 0; i < _layouts.Count; i++)
        {
            Layout layout = _layouts[i];
            int at = layout.Start + layout.Skeleton.PromptTokens;
            if (answerBegins)
            {
                // The prompt's last tokens are those that the piece begins with, or the template ended in another way.
                if (layout.Skeleton.PromptTokens > 0 && tokens.EndsWith(Piece(layout.Start, at)))
                    Offer(i, at, layout.Skeleton.PromptTokens, ref longest, into);
                continue;
            }

            for (; at < layout.FirstEnd - 1; at++)
            {
                if (_tokens[at] == tokens[^1])
                    Offer(i, at + 1, LengthBefore(tokens, layout.Start, at), ref longest, into);
            }
        }

        return longest;
    }

    /// <summary>Where a call goes on after a gap: in the pieces that follow the gap's place.</summary>
    /// <param name="gaps">Places of gaps.</param>
    /// <param name="tokens">All so far.</param>
    /// <param name="into">Filled.</param>
    /// <returns>Length of the longest stretch of a piece that the tokens end with; 0 without one.</returns>
    public int FindAfterGap(List<Place> gaps, ReadOnlySpan<int> tokens, List<Place> into)
    {
        into.Clear();
        int longest = 0;
        foreach (Place gap in gaps)
        {
            int start = gap.At + 1, end = _layouts[gap.Layout].End;
            for (int at = start; at < end && _tokens[at] != Gap; at++)
            {
                if (_tokens[at] != tokens[^1])
                    continue;
                int length = LengthBefore(tokens, start, at);
                if (at - start + 1 == length || length > 1)   // a value's end may have swallowed the piece's first characters
                    Offer(gap.Layout, at + 1, length, ref longest, into);
            }
        }

        return longest;
    }

    private static void Offer(int layout, int at, int length, ref int longest, List<Place> into)
    {
        if (length < longest)
            return;
        if (length > longest)
            into.Clear();
        longest = length;
        into.Add(new Place(layout, at));
    }

    private int LengthBefore(ReadOnlySpan<int> tokens, int start, int at)
    {
        int length = 1, most = Math.Min(Math.Min(LongestMatch, tokens.Length), at - start + 1);
        while (length < most && _tokens[at - length] == tokens[^(length + 1)])
            length++;
        return length;
    }

    private ReadOnlySpan<int> Piece(int start, int end) => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_tokens)[start..end];

    /// <summary>The next token's place in one layout.</summary>
    internal readonly record struct Place(int Layout, int At);

    private sealed record Layout(CallSkeleton Skeleton, int Start, int FirstEnd, int End);
}
