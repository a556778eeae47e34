using System.Numerics;

namespace Agentic.SuffixCache;

/// <summary>Up to 48 places where the end of a context occurred before, longest matches first. A set of them is one bit each of a 64-bit
/// mask.</summary>
internal sealed class Occurrences
{
    public const int Capacity = 48;

    /// <summary>Of searches; the rest is for places that were followed. Of 56, which take twice as long on a large store, a step has 0.05 %
    /// more tokens right (recorded agents); of 24, 0.4 % fewer.</summary>
    public const int MostFound = 32;

    // Further agreement is looked up when it is drafted that far.
    private const int AgreedAtOnce = 16;

    private readonly Occurrence[] _all = new Occurrence[Capacity];
    private readonly SuffixIndex[] _indices = new SuffixIndex[Capacity];
    private readonly uint[] _positions = new uint[Capacity];   // once more, side by side

    public int Count { get; private set; }

    /// <summary>All of them.</summary>
    public ulong All => (1UL << Count) - 1;

    public ref readonly Occurrence this[int i] => ref _all[i];

    /// <summary>How many tokens the last steps had right, in classes below <see cref="VoteWeights.Moods"/>.</summary>
    public int Mood { get; private set; }

    /// <summary>Of the context.</summary>
    public int LastToken { get; private set; }

    /// <summary>Notes which occurrences in an index lie between two positions.</summary>
    public void Mark(SuffixIndex index, uint from, uint to, Origin origin)
    {
        for (int i = 0; i < Count; i++)
        {
            if (_indices[i] == index && _all[i].Position - from < to - from)
                _all[i].Origin = origin;
        }
    }

    public void Clear() => Count = 0;

    public SuffixIndex IndexOf(int i) => _indices[i];

    public bool Has(SuffixIndex index, uint position)
    {
        ReadOnlySpan<uint> positions = _positions.AsSpan(0, Count);
        for (int from = 0, at; (at = positions[from..].IndexOf(position)) >= 0; from += at + 1)
        {
            if (_indices[from + at] == index)
                return true;
        }

        return false;
    }

    /// <summary>Looks at what else speaks for each, now that all are found.</summary>
    public unsafe void Judge(int* contextEnd, int contextLength, FollowedPlaces followed, int mood, VoteWeights weights)
    {
        (Mood, LastToken) = (mood, contextLength == 0 ? TokenLog.Separator : contextEnd[-1]);
        int compared = Math.Min(contextLength, Evidence.Window);
        for (int i = 0; i < Count; i++)
        {
            ref Occurrence occurrence = ref _all[i];
            TokenLog log = _indices[i].Log;
            int equal = occurrence.Length >= compared ? compared : log.Equal(occurrence.Position, contextEnd, compared);
            int nearness = followed.Nearness(_indices[i], occurrence.Position);
            occurrence.Evidence = Evidence.Of(occurrence, i, equal, log.End - occurrence.Position, nearness);
            occurrence.Weight = weights.Vote(occurrence.Evidence);
        }
    }

    /// <summary>With how many of the next tokens from a depth on all of a set go on alike, as far as one looks.</summary>
    /// <param name="which">At least one.</param>
    /// <param name="depth">At which they have agreed so far.</param>
    public int Agreed(ulong which, int depth)
    {
        ref readonly Occurrence first = ref _all[BitOperations.TrailingZeroCount(which)];
        int agreed = first.Known(depth, AgreedAtOnce);
        for (ulong left = which & (which - 1); left != 0 && agreed > 0; left &= left - 1)
        {
            ref readonly Occurrence other = ref _all[BitOperations.TrailingZeroCount(left)];
            agreed = other.Agreed(first, depth, agreed);
            other.Prefetch(depth + (2 * AgreedAtOnce));
        }

        return agreed;
    }

    /// <summary>What a set's votes come to.</summary>
    /// <param name="set">At least one.</param>
    public Voters Voters(ulong set)
    {
        int longest = -1;
        Origin origin = default;
        byte likeness = 0;
        float weight = 0;
        for (ulong left = set; left != 0; left &= left - 1)
        {
            ref readonly Occurrence occurrence = ref _all[BitOperations.TrailingZeroCount(left)];
            weight += occurrence.Weight;
            likeness = Math.Max(likeness, occurrence.Evidence.Likeness);
            if (occurrence.Length > longest)
                (longest, origin) = (occurrence.Length, occurrence.Origin);
        }

        return new Voters { Set = set, Weight = weight, Longest = longest, Origin = origin, Likeness = likeness };
    }

    public void Blame(int i, float gradient) => _all[i].Blame += gradient;

    /// <summary>Moves the weights of the evidence by what was written since.</summary>
    public void Learn(VoteWeights weights)
    {
        // Most are too unlikely, or too sure, to teach anything.
        const float Least = 0.004f;
        for (int i = 0; i < Count; i++)
        {
            if (MathF.Abs(_all[i].Blame) > Least)
                weights.Blame(_all[i].Evidence, _all[i].Blame);
            _all[i].Blame = 0;
        }

        weights.LearnEvidence();
    }

    /// <summary>Takes what a search found.</summary>
    /// <returns>False where there is no room.</returns>
    public bool Add(SuffixIndex index, uint position, int length, Origin origin) =>
        Count < MostFound && AddFollowed(index, position, length, origin);

    /// <summary>Takes a place that was followed.</summary>
    /// <returns>False where there is no room.</returns>
    public bool AddFollowed(SuffixIndex index, uint position, int length, Origin origin)
    {
        if (Count == Capacity)
            return false;
        int i = Count++;
        (_indices[i], _positions[i]) = (index, position);
        _all[i] = new Occurrence { Position = position, Length = length, Origin = origin };
        _all[i].Look(index.Log);
        _all[i].Prefetch();
        return true;
    }

    /// <summary>Looks up anew what follows a set of them: those that are gone end.</summary>
    public void Refresh(ulong which)
    {
        for (; which != 0; which &= which - 1)
        {
            int i = BitOperations.TrailingZeroCount(which);
            _all[i].Look(_indices[i].Log);
        }
    }
}
