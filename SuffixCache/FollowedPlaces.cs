namespace Agentic.SuffixCache;

/// <summary>The places whose text was being repeated until now. Past an edit it mostly goes on there, a token earlier or later.</summary>
internal sealed unsafe class FollowedPlaces
{
    /// <summary>Ways to lie from them: far away, then six distances, each from a place followed for few tokens or for many.</summary>
    public const int Nearnesses = 14;

    private const int Most = 4;
    private const int ManyTokens = 12;
    private const int Far = 4096;

    // Places so close to one another are one, followed with a token more or less.
    private const uint Apart = 32;

    // How far behind a place each candidate lies: the last token took the place of another, was put in, or of two.
    private static readonly int[] Shifts = [0, 1, -1];

    private readonly Place[] _places = new Place[Most];
    private int _count;

    public void Clear() => _count = 0;

    /// <summary>So many tokens were written: as many further on, and half as sure of it.</summary>
    public void Move(int tokens)
    {
        int kept = 0;
        foreach (Place place in _places.AsSpan(0, _count))
        {
            if (place.Run >= 2)
                _places[kept++] = new Place(place.Index, place.Position + (uint)tokens, place.Run / 2);
        }

        _count = kept;
    }

    /// <summary>The last tokens were a place's.</summary>
    /// <param name="index">Where it is.</param>
    /// <param name="position">Of what should come next.</param>
    /// <param name="run">How many tokens.</param>
    public void Follow(SuffixIndex index, uint position, int run)
    {
        for (int i = 0; i < _count; i++)
        {
            if (_places[i].Index != index || _places[i].Position - position + Apart >= 2 * Apart)
                continue;
            run = Math.Max(run, _places[i].Run);
            _places.AsSpan(i + 1, _count - i - 1).CopyTo(_places.AsSpan(i));
            _count--;
            break;
        }

        int at = Math.Min(_count, Most - 1);
        if (_count == Most && _places[at].Run > run)
            return;
        for (; at > 0 && _places[at - 1].Run < run; at--)
            _places[at] = _places[at - 1];
        _places[at] = new Place(index, position, run);
        _count = Math.Min(_count + 1, Most);
    }

    /// <summary>Asks for what <see cref="Offer"/> reads.</summary>
    public void Prefetch()
    {
        foreach (ref readonly Place place in _places.AsSpan(0, _count))
        {
            place.Index.Log.Prefetch(place.Position - ContextHashes.Longest);
            place.Index.Log.Prefetch(place.Position);
        }
    }

    /// <summary>Adds what follows each place to the occurrences, however little of the context it matches.</summary>
    public void Offer(Occurrences found, int* contextEnd, int contextLength, SuffixIndex? own)
    {
        foreach (ref readonly Place place in _places.AsSpan(0, _count))
        {
            TokenLog log = place.Index.Log;
            foreach (int shift in Shifts)
            {
                uint position = place.Position + (uint)shift;
                if (!log.Holds(position) || found.Has(place.Index, position))
                    continue;
                int length = log.CommonSuffix(position, contextEnd, Math.Min(contextLength, ContextHashes.Longest));
                found.AddFollowed(place.Index, position, length, place.Index == own ? Origin.Output : Origin.History);
            }
        }
    }

    /// <summary>How a position lies from the nearest of them.</summary>
    public int Nearness(SuffixIndex index, uint position)
    {
        int nearest = 0;
        foreach (ref readonly Place place in _places.AsSpan(0, _count))
        {
            if (place.Index != index)
                continue;
            int distance = (int)(position - place.Position);
            if (distance is <= -Far or >= Far)
                continue;
            int near = distance switch
            {
                0 => 6,
                > 0 and <= 16 => 5,
                < 0 and >= -16 => 4,
                > 0 and <= 256 => 3,
                < 0 and >= -256 => 2,
                _ => 1,
            };
            nearest = Math.Max(nearest, (2 * near) + (place.Run >= ManyTokens ? 1 : 0));
        }

        return nearest;
    }

    private readonly record struct Place(SuffixIndex Index, uint Position, int Run);
}
