using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Agentic.SuffixCache;

/// <summary>Where an occurrence was found.</summary>
internal enum Origin : byte
{
    /// <summary>In what this sequence itself wrote.</summary>
    Output,

    /// <summary>In this sequence's prompt, or an earlier turn of its conversation.</summary>
    Conversation,

    /// <summary>In another conversation of the namespace.</summary>
    History,
}

/// <summary>A place where the end of a context occurred before, and what follows it there.</summary>
internal unsafe struct Occurrence
{
    /// <summary>Follows an output.</summary>
    public const int Ended = -2;

    /// <summary>Tokens of <see cref="Following"/>.</summary>
    public const int FollowingAtOnce = 8;

    // So many tokens ahead.
    private const int FollowingAsked = 32;

    private int* _following;
    private int _followingCount;
    private bool _atEnd;

    /// <summary>Of the first token behind it.</summary>
    public uint Position;

    /// <summary>Tokens before it that are the context's last.</summary>
    public int Length;

    public Origin Origin;

    /// <summary>What speaks for it, and how much that makes of its vote.</summary>
    public Evidence Evidence;

    /// <inheritdoc cref="Evidence"/>
    public float Weight;

    /// <summary>The gradient of its vote since the draft.</summary>
    public float Blame;

    /// <summary>Who wrote the token behind it; null where there is none.</summary>
    public readonly TokenKind? Kind => _followingCount == 0 || *_following < 0 ? null : TokenLog.KindOf(*_following);

    /// <summary>The tokens from a depth on: <see cref="Ended"/> where its output is over, <see cref="TokenLog.Separator"/> where nothing is
    /// known.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Vector256<int> Following(int depth)
    {
        if (_followingCount - depth < FollowingAtOnce)
            return LastFollowing(depth);
        if (Sse.IsSupported)
            Sse.Prefetch0(_following + depth + FollowingAsked);
        return TokenLog.TokenIds(Vector256.Load(_following + depth), Before(depth), Ended);
    }

    /// <summary>Asks for what is compared with the context before it, and as much of what follows as a draft mostly reads.</summary>
    public readonly void Prefetch()
    {
        // The line before it has come.
        const int TokensPerLine = 16, Lines = 2;
        if (!Sse.IsSupported)
            return;
        for (int back = 1 + TokensPerLine; Length < Evidence.Window && back <= 1 + Evidence.Window; back += TokensPerLine)
            Sse.Prefetch0(_following - Math.Min(back, Evidence.Window));
        for (int line = 0; line < Lines; line++)
            Sse.Prefetch0(_following + (line * TokensPerLine));
    }

    /// <summary>Looks up what follows it now: the log may have grown or lost its oldest chunk since.</summary>
    public void Look(TokenLog log)
    {
        if (log.Holds(Position))
        {
            _following = log.Following(Position, out _followingCount);
            _atEnd = log.EndsBefore(Position);
        }
        else
        {
            (_followingCount, _atEnd) = (0, false);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly Vector256<int> LastFollowing(int depth)
    {
        int* entries = stackalloc int[FollowingAtOnce];
        for (int i = 0; i < FollowingAtOnce; i++)
            entries[i] = depth + i < _followingCount ? _following[depth + i] : TokenLog.Separator;
        return TokenLog.TokenIds(Vector256.Load(entries), depth <= _followingCount ? Before(depth) : TokenLog.Separator, Ended);
    }

    private readonly int Before(int depth) => depth > 0 ? _following[depth - 1] : _atEnd ? TokenLog.LastOfOutput : 0;
}
