using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Agentic.ModelRuntime;

/// <summary>Languages over bytes: regular ones, counters, intersections and recursion, as expressions and their derivatives.</summary>
/// <remarks>
/// What may follow a text is itself an expression, so the state of a matcher is one immutable object: equal states are the same object,
/// to go back is to remember one, and nothing is expanded before a text needs it. Used by one thread at a time: its maker's, then the
/// engine's.
/// </remarks>
public sealed class Grammar
{
    /// <summary>Objects made after which the memory of what was made is dropped: equal states may then be two objects, which costs time
    /// alone.</summary>
    private const int MostRemembered = 200_000;

    /// <summary>States looked at to find out whether an intersection has a member.</summary>
    private const int MostExplored = 10_000;

    private readonly Dictionary<ByteSet, ByteLanguage> _sets = [];
    private readonly Dictionary<(Type Kind, int, int, int), Language> _pairs = [];
    private readonly Dictionary<int[], ChoiceLanguage> _choices = new(new SameIds());
    private readonly List<Language> _remembering = [];
    private ByteClasses? _classes;
    private int _made = 2;
    private long _work;

    /// <summary>No string at all.</summary>
    public Language Nothing { get; } = new NothingLanguage(0);

    /// <summary>The empty string alone.</summary>
    public Language Empty { get; } = new EmptyLanguage(1);

    /// <summary>The whole language.</summary>
    public Language? Start { get; set; }

    /// <summary>The state in which text is free: no token is forbidden there, special ones included. Null where there is none.</summary>
    public Language? Free { get; set; }

    /// <summary>Expressions made and derivatives found so far, and the like.</summary>
    public long Work => _work;

    /// <summary>Work beyond which there is a <see cref="GrammarLimitException"/>: for as long as a client's wishes are compiled.</summary>
    public long MostWork { get; set; } = long.MaxValue;

    /// <summary>Counts work.</summary>
    /// <exception cref="GrammarLimitException">It has become too much.</exception>
    public void Spend(long work = 1)
    {
        if ((_work += work) > MostWork)
            throw new GrammarLimitException();
    }

    /// <summary>One byte of a set.</summary>
    public Language Bytes(ByteSet set)
    {
        if (set.IsEmpty)
            return Nothing;
        if (_sets.TryGetValue(set, out ByteLanguage? known))
            return known;
        if (_classes?.IsSplitBy(set) == true)
            Forget();   // the classes are finer now
        return _sets[set] = new ByteLanguage(NewId(), set);
    }

    /// <summary>These bytes.</summary>
    public Language Literal(ReadOnlySpan<byte> bytes)
    {
        Language result = Empty;
        for (int i = bytes.Length - 1; i >= 0; i--)
            result = Sequence(Bytes(ByteSet.Of(bytes[i])), result);
        return result;
    }

    /// <summary>One after the other.</summary>
    public Language Sequence(params ReadOnlySpan<Language> parts)
    {
        Language result = Empty;
        for (int i = parts.Length - 1; i >= 0; i--)
            result = Sequence(parts[i], result);
        return result;
    }

    /// <summary>The first, then the rest.</summary>
    public Language Sequence(Language first, Language rest)
    {
        if (first == Nothing || rest == Nothing)
            return Nothing;
        if (first == Empty)
            return rest;
        if (rest == Empty)
            return first;
        if (first is not SequenceLanguage)
            return Pair(first, rest);

        // A sequence is a list, and may be as long as a client's text: no recursion.
        Stack<Language> parts = [];
        Language last = first;
        for (; last is SequenceLanguage sequence; last = sequence.Rest)
            parts.Push(sequence.First);
        Language result = Pair(last, rest);
        while (parts.TryPop(out Language? part))
            result = Pair(part, result);
        return result;

        Language Pair(Language one, Language other)
        {
            (Type, int, int, int) key = (typeof(SequenceLanguage), one.Id, other.Id, 0);
            return _pairs.TryGetValue(key, out Language? known) ? known : _pairs[key] = new SequenceLanguage(NewId(), one, other);
        }
    }

    /// <summary>Any of these.</summary>
    public Language Choice(params ReadOnlySpan<Language> alternatives)
    {
        List<Language> sorted = new(alternatives.Length);
        ByteSet bytes = default;
        foreach (Language alternative in alternatives)
            Add(alternative);
        if (!bytes.IsEmpty)
            sorted.Add(Bytes(bytes));
        sorted.Sort(static (a, b) => a.Id.CompareTo(b.Id));
        int count = 0;
        for (int i = 0; i < sorted.Count; i++)
        {
            if (count == 0 || sorted[count - 1] != sorted[i])
                sorted[count++] = sorted[i];
        }

        if (count <= 1)
            return count == 0 ? Nothing : sorted[0];
        Spend(count >> 3);
        Language[] all = [.. CollectionsMarshal.AsSpan(sorted)[..count]];
        int[] key = Array.ConvertAll(all, alternative => alternative.Id);
        return _choices.TryGetValue(key, out ChoiceLanguage? known) ? known : _choices[key] = new ChoiceLanguage(NewId(), all);

        void Add(Language alternative)
        {
            if (alternative is ChoiceLanguage nested)
            {
                foreach (Language inner in nested.Alternatives)
                    Add(inner);
            }
            else if (alternative is ByteLanguage one)
            {
                bytes |= one.Set;
            }
            else if (alternative != Nothing)
            {
                sorted.Add(alternative);
            }
        }
    }

    /// <summary>It, or nothing.</summary>
    public Language Optional(Language item) => Choice(item, Empty);

    /// <summary>From <paramref name="min"/> to <paramref name="max"/> of them, <see cref="int.MaxValue"/> being without end.</summary>
    public Language Repeat(Language item, int min, int max)
    {
        if (max < min)
            return Nothing;
        if (item == Empty || max == 0)
            return Empty;
        if (item == Nothing)
            return min == 0 ? Empty : Nothing;
        if (min == 1 && max == 1)
            return item;
        (Type, int, int, int) key = (typeof(RepeatLanguage), item.Id, min, max);
        return _pairs.TryGetValue(key, out Language? known) ? known : _pairs[key] = new RepeatLanguage(NewId(), item, min, max);
    }

    /// <summary>What is in both languages; <see cref="Nothing"/> if nothing is. Neither may hold a rule without a body.</summary>
    public Language Both(Language left, Language right)
    {
        if (left == right)
            return left;
        if (left == Nothing || right == Nothing)
            return Nothing;
        if (right is NotLanguage { IsAll: true })
            return left;
        if (left is NotLanguage { IsAll: true })
            return right;
        if (left.Id > right.Id)
            (left, right) = (right, left);
        BothLanguage both = Intersection(left, right);
        return both.IsLive ?? FindOut(both) ? both : Nothing;
    }

    /// <summary>What is in the first language and not in the second; <see cref="Nothing"/> if nothing is. Neither may hold a rule without
    /// a body.</summary>
    public Language Except(Language from, Language what) => Both(from, Not(what));

    /// <summary>A rule to be given its body.</summary>
    public GrammarRule Rule() => new(NewId());

    /// <summary>What may follow a byte.</summary>
    internal Language After(Language state, byte value)
    {
        switch (state)
        {
            case SequenceLanguage { First: ByteLanguage first } sequence:
                return first.Set.Contains(value) ? sequence.Rest : Nothing;
            case GrammarRule rule:
                return After(rule.Body!, value);
            case ByteLanguage or NothingLanguage or EmptyLanguage:
                return state.Derive(this, value);
        }

        _classes ??= new ByteClasses(_sets.Keys);
        if (state.Next?[_classes[value]] is { } known)
            return known;
        Spend();
        RuntimeHelpers.EnsureSufficientExecutionStack();
        Language next = state.Derive(this, value);
        _classes ??= new ByteClasses(_sets.Keys);   // deriving may have made sets
        if (state.Next is null)
        {
            state.Next = new Language?[_classes.Count];
            _remembering.Add(state);
        }

        return state.Next[_classes[value]] = next;
    }

    /// <summary>Every string that is not in a language.</summary>
    internal Language Not(Language inner)
    {
        (Type, int, int, int) key = (typeof(NotLanguage), inner.Id, 0, 0);
        return _pairs.TryGetValue(key, out Language? known) ? known : _pairs[key] = new NotLanguage(NewId(), inner);
    }

    /// <summary>What may follow a text.</summary>
    public Language After(Language state, ReadOnlySpan<byte> text)
    {
        foreach (byte value in text)
        {
            state = After(state, value);
            if (state == Nothing)
                break;
        }

        return state;
    }

    /// <summary>Whether a text is in a language.</summary>
    public bool Matches(Language language, ReadOnlySpan<byte> text) => After(language, text).IsNullable;

    /// <summary>Makes all states of a language, so that a walk over a vocabulary meets no new one.</summary>
    /// <exception cref="GrammarLimitException">They are more than <paramref name="most"/>, or too much work.</exception>
    public void Expand(Language start, int most)
    {
        HashSet<Language> made = [start];
        Queue<Language> open = new(made);
        while (open.TryDequeue(out Language? state))
        {
            foreach (byte value in FirstOfClasses())
            {
                if (After(state, value) is var next && made.Add(next))
                    open.Enqueue(next);
                if (made.Count > most)
                    throw new GrammarLimitException();
            }
        }
    }

    /// <summary>Keeps memory bounded. To be called between texts, not while deriving.</summary>
    internal void Tidy()
    {
        if (_pairs.Count + _choices.Count < MostRemembered)
            return;
        Forget();
        _pairs.Clear();
        _choices.Clear();
    }

    /// <summary>Whether a language has a member, by looking for a shortest one; when it has none, no state on the way has one
    /// either.</summary>
    private bool FindOut(BothLanguage start)
    {
        if (start.IsNullable)
        {
            start.IsLive = true;
            return true;
        }

        Dictionary<Language, Language?> cameFrom = new() { [start] = null };
        Queue<Language> open = new([start]);
        while (cameFrom.Count < MostExplored && open.TryDequeue(out Language? state))
        {
            // Followers are made one by one, and most often one of the first has a member: within a character, or an escape.
            foreach (Language next in Followers(state))
            {
                if (next == Nothing || next is BothLanguage { IsLive: false } || !cameFrom.TryAdd(next, state))
                    continue;
                if (next.IsNullable || next is BothLanguage { IsLive: true })
                {
                    for (Language? on = next; on is not null; on = cameFrom[on])
                        Mark(on, live: true);
                    return true;
                }

                open.Enqueue(next);
            }
        }

        if (open.Count == 0)
        {
            foreach (Language state in cameFrom.Keys)
                Mark(state, live: false);
        }

        else if (MostWork < long.MaxValue)
        {
            throw new GrammarLimitException();
        }

        start.IsLive = false;
        return false;

        static void Mark(Language state, bool live)
        {
            if (state is BothLanguage both)
                both.IsLive = live;
        }
    }

    /// <summary>The first byte of each class.</summary>
    private IEnumerable<byte> FirstOfClasses() => (_classes ??= new ByteClasses(_sets.Keys)).First;

    /// <summary>The states after each class of bytes, intersections not asked for members.</summary>
    private IEnumerable<Language> Followers(Language state)
    {
        foreach (byte value in FirstOfClasses())
        {
            if (state is not BothLanguage both)
            {
                yield return After(state, value);
                continue;
            }

            Language left = After(both.Left, value), right = After(both.Right, value);
            if (left == right || left == Nothing || right == Nothing)
                yield return left == right ? left : Nothing;
            else
                yield return left.Id < right.Id ? Intersection(left, right) : Intersection(right, left);
        }
    }

    private BothLanguage Intersection(Language left, Language right)
    {
        (Type, int, int, int) key = (typeof(BothLanguage), left.Id, right.Id, 0);
        if (!_pairs.TryGetValue(key, out Language? known))
            _pairs[key] = known = new BothLanguage(NewId(), left, right);
        return (BothLanguage)known;
    }

    private int NewId()
    {
        Spend();
        return _made++;
    }

    private void Forget()
    {
        foreach (Language state in _remembering)
            state.Next = null;
        _remembering.Clear();
        _classes = null;
    }

    private sealed class SameIds : IEqualityComparer<int[]>
    {
        public bool Equals(int[]? x, int[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(int[] ids)
        {
            HashCode hash = default;
            hash.AddBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(ids.AsSpan()));
            return hash.ToHashCode();
        }
    }
}

/// <summary>A grammar has become larger than it may be.</summary>
public sealed class GrammarLimitException : Exception;
