namespace Agentic.ModelRuntime;

/// <summary>Which tokens a grammar allows in each of its states, found when first asked and remembered.</summary>
/// <remarks>
/// A mask is a walk over the vocabulary's tree. Inside a text nearly every token is allowed, and the walk is long; what it finds there depends on
/// the text's own expression and not on what follows it, but for the tokens that reach past its end. So that part is kept for itself and serves
/// every text of the grammar, and a text's limit is cut to the longest token before it is looked up.
/// </remarks>
/// <param name="grammar">With its start set.</param>
/// <param name="trie">The model's tokens.</param>
public sealed class TokenMasks(Grammar grammar, TokenTrie trie)
{
    private const int WideRepeat = 16;
    private const int MostRememberedBytes = 4 << 20;

    private readonly Dictionary<Language, ulong[]> _masks = [];
    private readonly Dictionary<Language, (ulong[] Within, int[] Exits)> _within = [];
    private readonly Language[] _states = new Language[trie.LongestToken + 1];

    /// <summary>The grammar.</summary>
    public Grammar Grammar => grammar;

    /// <summary>The model's tokens.</summary>
    public TokenTrie Trie => trie;

    /// <summary>One bit a token, set where the token may come next. It belongs to this object.</summary>
    internal ReadOnlySpan<ulong> Of(Language state)
    {
        if (_masks.TryGetValue(state, out ulong[]? known))
            return known;
        if ((_masks.Count + _within.Count + 2) * Words * sizeof(ulong) > MostRememberedBytes)
        {
            _masks.Clear();
            _within.Clear();
        }

        grammar.Tidy();
        ulong[] mask = new ulong[Words];
        Fill(state, mask);
        return _masks[state] = mask;
    }

    private int Words => (trie.VocabularySize + 63) / 64;

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
                (ulong[] within, int[] exits) = Within(sequence.First);
                for (int i = 0; i < mask.Length; i++)
                    mask[i] |= within[i];
                foreach (int exit in exits)
                    Walk(sequence.Rest, exit, mask, null);
                if (sequence.First.IsNullable)
                    Fill(sequence.Rest, mask);
                break;
            default:
                Walk(state, 0, mask, null);
                break;
        }
    }

    private static bool IsWide(Language state) => state is RepeatLanguage { Max: > WideRepeat } or BothLanguage;

    /// <summary>The tokens that stay within an expression, and the nodes at which it may have ended.</summary>
    private (ulong[] Within, int[] Exits) Within(Language state)
    {
        int reach = trie.LongestToken + 1;
        if (state is RepeatLanguage { Item: var item, Min: var min, Max: var max })
            state = grammar.Repeat(item, Math.Min(min, reach), max == int.MaxValue ? max : Math.Min(max, reach));
        if (_within.TryGetValue(state, out (ulong[], int[]) known))
            return known;
        ulong[] mask = new ulong[Words];
        List<int> exits = [];
        Walk(state, 0, mask, exits);
        return _within[state] = (mask, [.. exits]);
    }

    /// <summary>Marks the tokens below a node that a state, reached at this node, goes on to allow.</summary>
    private void Walk(Language state, int node, ulong[] mask, List<int>? exits)
    {
        byte[] labels = trie.Labels;
        int[] depths = trie.Depths, ends = trie.Ends, firsts = trie.FirstTokens, tokens = trie.Tokens;
        _states[depths[node]] = state;
        for (int i = node + 1, end = ends[node]; i < end;)
        {
            Language next = grammar.After(_states[depths[i] - 1], labels[i]);
            if (next == grammar.Nothing)
            {
                i = ends[i];
                continue;
            }

            _states[depths[i]] = next;
            for (int t = firsts[i]; t < firsts[i + 1]; t++)
                mask[tokens[t] >> 6] |= 1UL << (tokens[t] & 63);
            if (exits is not null && next.IsNullable)
                exits.Add(i);
            i++;
        }
    }
}
