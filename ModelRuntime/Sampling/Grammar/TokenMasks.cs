using System.Numerics.Tensors;

namespace Agentic.ModelRuntime;

/// <summary>Which tokens a grammar allows in each of its states, found when first asked and remembered.</summary>
/// <remarks>
/// A mask is a walk over the vocabulary's tree. Inside a text nearly every token is allowed, and the walk is long; what it finds there
/// depends on the text's own expression and not on what follows it, but for the tokens that reach past its end. So that part is kept for
/// itself and serves every text of the grammar, and a text's limit is cut to the longest token before it is looked up.
/// </remarks>
/// <param name="grammar">With its start set.</param>
/// <param name="trie">The model's tokens.</param>
public sealed class TokenMasks(Grammar grammar, TokenTrie trie)
{
    private const int WideRepeat = 16;
    private const int MostRememberedBytes = 4 << 20;

    private readonly Dictionary<Language, ulong[]> _masks = [];
    private readonly Dictionary<Language, (ulong[] Tokens, ulong[] Ends)> _within = [];
    private readonly GrammarAutomaton _automaton = new(grammar);
    private readonly int[] _path = new int[trie.LongestToken + 1];

    /// <summary>The grammar.</summary>
    public Grammar Grammar => grammar;

    /// <summary>The model's tokens.</summary>
    public TokenTrie Trie => trie;

    /// <summary>One bit a token, set where the token may come next. It belongs to this object.</summary>
    internal ReadOnlySpan<ulong> Of(Language state)
    {
        if (_masks.TryGetValue(state, out ulong[]? known))
            return known;
        if (((_masks.Count + 1) * Words + (_within.Count + 1) * (Words + NodeWords)) * sizeof(ulong) > MostRememberedBytes)
        {
            _masks.Clear();
            _within.Clear();
        }

        grammar.Tidy();
        _automaton.Tidy();
        ulong[] mask = new ulong[Words];
        Fill(state, mask);
        return _masks[state] = mask;
    }

    private int Words => (trie.VocabularySize + 63) / 64;

    private int NodeWords => (trie.Labels.Length + 63) / 64;

    private void Fill(Language state, ulong[] mask)
    {
        switch (state)
        {
            case GrammarRule rule:
                Fill(rule.Body!, mask);
                break;
            case ChoiceLanguage choice:
                List<Language> narrow = [];
                foreach (Language alternative in choice.Alternatives)
                {
                    if (alternative is SequenceLanguage { First: var first } && IsWide(first))
                        Fill(alternative, mask);
                    else
                        narrow.Add(alternative);
                }

                Walk(grammar.Choice([.. narrow]), 0, mask, null);
                break;
            case SequenceLanguage sequence when IsWide(sequence.First):
                (ulong[] tokens, ulong[] ends) = Within(sequence.First);
                TensorPrimitives.BitwiseOr(mask, tokens, mask);
                Leave(ends, sequence.Rest, mask);
                if (sequence.First.IsNullable)
                    Fill(sequence.Rest, mask);
                break;
            default:
                Walk(state, 0, mask, null);
                break;
        }
    }

    private static bool IsWide(Language state) => state is RepeatLanguage { Max: > WideRepeat } or BothLanguage;

    /// <summary>The tokens that stay within an expression, and the nodes at which it may have ended: a bit each.</summary>
    private (ulong[] Tokens, ulong[] Ends) Within(Language state)
    {
        int reach = trie.LongestToken + 1;
        if (state is RepeatLanguage { Item: var item, Min: var min, Max: var max })
            state = grammar.Repeat(item, Math.Min(min, reach), max == int.MaxValue ? max : Math.Min(max, reach));
        if (_within.TryGetValue(state, out (ulong[], ulong[]) known))
            return known;
        (ulong[] tokens, ulong[] ends) = (new ulong[Words], new ulong[NodeWords]);
        Walk(state, 0, tokens, ends);
        return _within[state] = (tokens, ends);
    }

    /// <summary>Marks the tokens that go on from some nodes with what follows there.</summary>
    private void Leave(ulong[] ends, Language rest, ulong[] mask)
    {
        int from = _automaton.NumberOf(rest);
        int[] parents = trie.Parents;
        for (int value = 0; value < 256; value++)
        {
            int next = _automaton.After(from, (byte)value);
            if (next == GrammarAutomaton.Dead)
                continue;
            foreach (int node in trie.NodesOf[value])
            {
                if ((ends[parents[node] >> 6] >> (parents[node] & 63) & 1) == 0)
                    continue;
                MarkTokens(node, mask);
                Walk(next, node, mask, null);
            }
        }
    }

    private void Walk(Language state, int node, ulong[] mask, ulong[]? nullable) =>
        Walk(_automaton.NumberOf(state), node, mask, nullable);

    /// <summary>Marks the tokens below a node that a state, reached at this node, goes on to allow.</summary>
    private void Walk(int state, int node, ulong[] mask, ulong[]? nullable)
    {
        byte[] labels = trie.Labels;
        int[] depths = trie.Depths, ends = trie.Ends, path = _path;
        GrammarAutomaton automaton = _automaton;
        path[depths[node]] = state;
        for (int i = node + 1, end = ends[node]; i < end;)
        {
            int next = automaton.After(path[depths[i] - 1], labels[i]);
            if (next == GrammarAutomaton.Dead)
            {
                i = ends[i];
                continue;
            }

            path[depths[i]] = next;
            MarkTokens(i, mask);
            if (nullable is not null && automaton.IsNullable(next))
                nullable[i >> 6] |= 1UL << (i & 63);
            i++;
        }
    }

    private void MarkTokens(int node, ulong[] mask)
    {
        int[] firsts = trie.FirstTokens, tokens = trie.Tokens;
        for (int t = firsts[node]; t < firsts[node + 1]; t++)
            mask[tokens[t] >> 6] |= 1UL << (tokens[t] & 63);
    }
}
