using System.Numerics;

namespace Agentic.SuffixCache;

/// <summary>Up to 64 places where the end of a context occurred before, longest matches first. A set of them is one bit each of a 64-bit
/// mask.</summary>
internal sealed class Occurrences
{
    public const int Capacity = 64;

    /// <summary>Of searches; the rest is for places that were followed.</summary>
    public const int MostFound = 56;

    private readonly Occurrence[] _all = new Occurrence[Capacity];
    private readonly SuffixIndex[] _indices = new SuffixIndex[Capacity];

    public int Count { get; private set; }

    /// <summary>All of them.</summary>
    public ulong All => Count == Capacity ? ulong.MaxValue : (1UL << Count) - 1;

    public ref readonly Occurrence this[int i] => ref _all[i];

    /// <summary>How many tokens the last steps had right, in classes below <see cref="VoteWeights.Moods"/>.</summary>
    public int Mood { get; private set; }

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
        for (int i = 0; i < Count; i++)
        {
            if (_all[i].Position == position && _indices[i] == index)
                return true;
        }

        return false;
    }

    /// <summary>Looks at what else speaks for each, now that all are found.</summary>
    public unsafe void Judge(int* contextEnd, int contextLength, FollowedPlaces followed, int mood, VoteWeights weights)
    {
        Mood = mood;
        int compared = Math.Min(contextLength, Evidence.Window);
        for (int i = 0; i < Count; i++)
        {
            ref Occurrence occurrence = ref _all[i];
            TokenLog log = _indices[i].Log;
            int equal = occurrence.Length >= compared ? compared : log.Equal(occurrence.Position, contextEnd, compared);
            int nearness = followed.Nearness(_indices[i], occurrence.Position);
            occurrence.Evidence = Evidence.Of(occurrence, equal, log.End - occurrence.Position, nearness);
            occurrence.Credit = weights.Credit(occurrence.Evidence);
        }
    }

    public void Blame(int i, float gradient) => _all[i].Blame += gradient;

    /// <summary>Moves the weights of the evidence by what was written since the draft.</summary>
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
        _indices[i] = index;
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
