namespace Agentic.ModelRuntime;

/// <summary>Follows an answer through the text that its request predicted, and finds back into it where the answer departs.</summary>
/// <remarks>
/// Which tokens count as accepted depends on the two texts alone, not on what was drafted or verified: the same answer is reported the same
/// way on a busy server, with speculation switched off, or drafted from elsewhere.
/// </remarks>
/// <param name="prediction">Token ids.</param>
public sealed class PredictionCursor(int[] prediction)
{
    // A match this long is certain enough; looking further back costs and tells nothing.
    private const int LongestMatch = 16;

    // Places looked at for one token, so that a prediction of one repeated token costs no more than another.
    private const int MostPlaces = 64;

    // Tokens in a row after which a place is believed, and nothing before it is looked at any more.
    private const int Believed = 3;

    private readonly int[] _written = new int[LongestMatch];   // the answer's last tokens, latest first
    private readonly bool[] _accepted = new bool[prediction.Length];
    private int _writtenCount;
    private int _uncounted;                                    // of them the last ones, which no place was believed for
    private int _searchFrom;

    /// <summary>Tokens of the prediction that came in the answer, where the prediction had them come.</summary>
    public int Accepted { get; private set; }

    /// <summary>Tokens of the prediction that did not.</summary>
    public int Rejected => prediction.Length - Accepted;

    /// <summary>Where in the prediction the next token would stand, its length at its end, or −1 while the answer is elsewhere.</summary>
    internal int Next { get; private set; }

    /// <summary>Tokens before <see cref="Next"/> that answer and prediction share; at the start 0.</summary>
    internal int Agreed { get; private set; }

    /// <summary>Whether the answer departed before.</summary>
    internal bool Realigned { get; private set; }

    internal ReadOnlySpan<int> Rest => Next < 0 ? [] : prediction.AsSpan(Next);

    /// <summary>The answer's next token.</summary>
    public void Advance(int token)
    {
        Array.Copy(_written, 0, _written, 1, LongestMatch - 1);
        _written[0] = token;
        _uncounted++;
        _writtenCount = Math.Min(_writtenCount + 1, LongestMatch);
        if (Next >= 0 && Next < prediction.Length && prediction[Next] == token)
        {
            Next++;
            Agreed++;
            Accept();
            return;
        }

        if (Next >= 0 && (Agreed >= Believed || !Realigned))
            _searchFrom = Next;
        Realigned = true;
        Realign();
    }

    /// <summary>Counts the last token, and those that led back to its place: with it the place is believed.</summary>
    private void Accept()
    {
        for (int at = Next - 1; at >= Next - Math.Min(Agreed, _uncounted); at--)
        {
            Accepted += _accepted[at] ? 0 : 1;
            _accepted[at] = true;
        }

        _uncounted = 0;
    }

    /// <summary>Goes on after the longest stretch that ends like the answer; of equals the first, since edits keep the order.</summary>
    private void Realign()
    {
        (Next, Agreed) = (-1, 0);
        int places = 0;
        for (int at = _searchFrom; at < prediction.Length && places < MostPlaces; at++, places++)
        {
            int step = prediction.AsSpan(at).IndexOf(_written[0]);
            if (step < 0)
                return;
            at += step;
            int length = 1;
            while (length < _writtenCount && length <= at && prediction[at - length] == _written[length])
                length++;
            if (length > Agreed)
                (Next, Agreed) = (at + 1, length);
        }
    }
}
