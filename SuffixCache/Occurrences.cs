using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Agentic.SuffixCache;

/// <summary>Up to 48 places where the end of a context occurred before, longest matches first. A set of them is one bit each of a 64-bit
/// mask.</summary>
internal sealed class Occurrences
{
    public const int Capacity = 48;

    /// <summary>Of searches; the rest is for places that were followed. Of 56, which take twice as long on a large store, a step has 0.05 %
    /// more tokens right (recorded agents); of 24, 0.4 % fewer.</summary>
    public const int MostFound = 32;

    /// <summary>Where so many are longer, shorter ones are not looked for in the chains: a step has as many tokens right.</summary>
    public const int Enough = 16;

    private const int RankMask = 63;

    private readonly Occurrence[] _all = new Occurrence[Capacity];
    private readonly SuffixIndex[] _indices = new SuffixIndex[Capacity];

    // Once more, side by side.
    private readonly uint[] _positions = new uint[Capacity];
    private readonly float[] _weights = new float[Capacity];
    private readonly int[] _likenesses = new int[Capacity];
    private readonly int[] _ranks = new int[Capacity];   // by length; of equal ones the first is the highest

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
            _weights[i] = occurrence.Weight = weights.Vote(occurrence.Evidence);
            _likenesses[i] = occurrence.Evidence.Likeness;
            _ranks[i] = (occurrence.Length * (RankMask + 1)) + Capacity - 1 - i;
        }
    }

    /// <summary>What a set's votes come to.</summary>
    /// <param name="set">At least one.</param>
    public Voters Voters(ulong set)
    {
        Vector256<int> bits = Vector256.Create(1, 2, 4, 8, 16, 32, 64, 128), best = default, likeness = default;
        Vector256<float> weight = default;
        for (int i = 0; i < Capacity; i += Vector256<int>.Count)
        {
            Vector256<int> isIn = Vector256.Equals(Vector256.Create((int)(set >> i)) & bits, bits);
            best = Vector256.Max(best, Vector256.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(_ranks), (nuint)i) & isIn);
            likeness = Vector256.Max(likeness, Vector256.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(_likenesses), (nuint)i) & isIn);
            weight += Vector256.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(_weights), (nuint)i) & isIn.AsSingle();
        }

        ref readonly Occurrence longest = ref _all[Capacity - 1 - (Greatest(best) & RankMask)];
        return new Voters
        {
            Set = set,
            Weight = Vector256.Sum(weight),
            Longest = longest.Length,
            Origin = longest.Origin,
            Likeness = (byte)Greatest(likeness),
        };
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
            _all[i].Prefetch();
        }
    }

    private static int Greatest(Vector256<int> values)
    {
        Vector128<int> four = Vector128.Max(values.GetLower(), values.GetUpper());
        Vector128<int> two = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Math.Max(two[0], two[1]);
    }
}
