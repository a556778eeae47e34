using System.Numerics;
using Agentic.SuffixCache;
using Place = Agentic.ModelRuntime.SkeletonIndex.Place;

namespace Agentic.ModelRuntime;

/// <summary>Drafts calls of tools from their schemas: the first call of a tool that no memory has seen is known but for its values.</summary>
internal sealed class SchemaDrafter : IDrafter
{
    private const int MostNamespaces = 1024;
    private const float LeastProbability = 0.03f;
    private const int MostChildren = 16;

    // Tokens matched: 1, 2, 3–4, 5–8, more; in a first piece and after a gap; and an answer's very start: to a tool, a user, or someone else.
    // Each for one, a few and many different next tokens.
    private const int Lengths = 5, Widths = 3, AtStart = 2 * Lengths;

    private static readonly float[] Priors =
    [
        .. new[] { 0.1f, 0.3f, 0.5f, 0.7f, 0.8f, 0.5f, 0.7f, 0.8f, 0.8f, 0.8f, 0.3f, 0.3f, 0.3f }.SelectMany(unique => new[] { unique, unique, unique }),
    ];

    private readonly NamespaceStates<Memory> _memories = new(MostNamespaces, () => new Memory());
    private readonly Dictionary<Sequence, State> _states = [];
    private readonly List<Place> _found = [];
    private readonly List<Place> _branch = [];

    public DraftSource Source => DraftSource.Schema;

    public void Begin(Sequence sequence)
    {
        GenerationRequest request = sequence.Generation.Request;
        if (!request.Speculation || request.CallSkeletons.Count == 0)
            return;
        var state = new State(new SkeletonIndex(request.CallSkeletons), _memories.Of(request.Namespace), StartAfter(request.PromptRuns));
        _states.Add(sequence, state);
        state.Matched = state.Index.FindBeginnings(sequence.Tokens, answerBegins: true, state.Places);
        state.IsStart = true;
    }

    public void Propose(Sequence sequence, DraftTree tree, int maxNodes, int maxDepth)
    {
        if (!_states.TryGetValue(sequence, out State? state) || state.Places.Count == 0)
            return;
        state.Proposal.Clear();
        _branch.Clear();
        _branch.AddRange(state.Places);
        Grow(state, tree, (-1, -1, 1), (0, _branch.Count), state.Matched, maxNodes, maxDepth);
    }

    public void Observe(Sequence sequence, DraftTree verified, ReadOnlySpan<int> committed)
    {
        if (!_states.TryGetValue(sequence, out State? state))
            return;
        state.Proposal.Learn(committed, state.Memory.Calibrator);
        for (int i = sequence.Count - committed.Length; i < sequence.Count; i++)
            Advance(state, sequence.Tokens[..(i + 1)]);
    }

    public void Forget(Predicate<NamespaceKey> whose) => _memories.Forget(whose);

    public void End(Sequence sequence) => _states.Remove(sequence);

    /// <summary>Whether an answer begins with a call is mostly a matter of whom it answers.</summary>
    private static int StartAfter(IReadOnlyList<TokenRun> prompt) => AtStart + prompt.LastOrDefault(run => run.Kind != TokenKind.Prompt).Kind switch
    {
        TokenKind.Tool => 0,
        TokenKind.User => 1,
        _ => 2,
    };

    /// <summary>Follows the answer: along the layouts that agree with it, over their gaps, to the next call.</summary>
    private void Advance(State state, ReadOnlySpan<int> tokens)
    {
        state.IsStart = false;
        LearnStyle(state, tokens[^1]);
        _found.Clear();
        foreach (Place place in state.Places)
        {
            if (state.Index.TokenAt(place.At) == tokens[^1])
                _found.Add(place with { At = place.At + 1 });
        }

        if (_found.Count > 0)
        {
            state.Matched++;
        }
        else if (state.Gaps.Count > 0)
        {
            state.Matched = state.Index.FindAfterGap(state.Gaps, tokens, _found);
            state.IsAfterGap = true;
        }

        if (_found.Count == 0)
        {
            state.Matched = state.Index.FindBeginnings(tokens, answerBegins: false, _found);
            state.IsAfterGap = false;
        }

        state.Places.Clear();
        bool gap = false;
        foreach (Place place in _found)
        {
            if (state.Index.TokenAt(place.At) != SkeletonIndex.Gap)
            {
                state.Places.Add(place);
                continue;
            }

            if (!gap)
                state.Gaps.Clear();
            gap = true;
            state.Gaps.Add(place);
        }
    }

    private static void LearnStyle(State state, int token)
    {
        Span<bool> agrees = stackalloc bool[Memory.Styles], departs = stackalloc bool[Memory.Styles];
        foreach (Place place in state.Places)
            (state.Index.TokenAt(place.At) == token ? agrees : departs)[state.Index.StyleOf(place.Layout)] = true;
        for (int style = 0; style < Memory.Styles; style++)
        {
            if (agrees[style] && departs[1 - style] && !agrees[1 - style])
                state.Memory.StyleTaken[style] = Math.Min(state.Memory.StyleTaken[style] + 1, Memory.MostStyle);
            else if (departs[style] && !agrees[style] && agrees[1 - style])
                state.Memory.StyleTaken[style] = Math.Max(state.Memory.StyleTaken[style] * 0.9f, Memory.LeastStyle);
        }
    }

    /// <summary>Adds the children of a node: the tokens that its places name, each with the places that go on from it.</summary>
    /// <param name="state">Of the sequence.</param>
    /// <param name="tree">Grows.</param>
    /// <param name="parent">Node of the tree, node of the proposal, probability.</param>
    /// <param name="range">Of <see cref="_branch"/>: the parent's places. What follows them is scratch.</param>
    /// <param name="matched">Tokens that the places share with answer and path.</param>
    /// <param name="maxNodes">Of this proposal.</param>
    /// <param name="depthLeft">Levels that may still be added.</param>
    private void Grow(
        State state, DraftTree tree, (int Node, int Own, float Probability) parent, (int Start, int End) range, int matched, int maxNodes, int depthLeft)
    {
        if (depthLeft == 0)
            return;
        Span<int> tokens = stackalloc int[MostChildren];
        Span<float> weights = stackalloc float[MostChildren];
        int count = 0;
        float sum = 0;
        for (int i = range.Start; i < range.End; i++)
        {
            int token = state.Index.TokenAt(_branch[i].At);
            float weight = state.Index.WeightOf(_branch[i].Layout) * state.Memory.StyleTaken[state.Index.StyleOf(_branch[i].Layout)];
            sum += weight;
            int child = token == SkeletonIndex.Gap ? -1 : tokens[..count].IndexOf(token);
            if (child >= 0)
                weights[child] += weight;
            else if (token != SkeletonIndex.Gap && count < MostChildren)
                (tokens[count], weights[count++]) = (token, weight);
        }

        int width = count == 1 ? 0 : count <= 4 ? 1 : 2;
        int length = state.IsStart && parent.Node < 0 ? state.Start
            : (state.IsAfterGap ? Lengths : 0) + Math.Min(Lengths - 1, matched <= 2 ? matched - 1 : BitOperations.Log2((uint)matched - 1) + 1);
        for (int child = 0; child < count; child++)
        {
            int kind = (length * Widths) + width;
            float share = weights[child] / sum, claim = state.Memory.Calibrator.Probability(kind, share), probability = parent.Probability * claim;
            if ((probability < LeastProbability && parent.Node >= 0) || state.Proposal.Count == maxNodes)
                continue;   // what may come next is proposed however unlikely, or it would not be seen to have grown likely
            int node = tree.Add(tokens[child], parent.Node, claim, Source);
            int own = state.Proposal.Add(tokens[child], parent.Own, kind, share);
            int start = _branch.Count;
            for (int i = range.Start; i < range.End; i++)
            {
                if (state.Index.TokenAt(_branch[i].At) == tokens[child] && state.Index.TokenAt(_branch[i].At + 1) != SkeletonIndex.Gap)
                    _branch.Add(_branch[i] with { At = _branch[i].At + 1 });
            }

            Grow(state, tree, (node, own, probability), (start, _branch.Count), matched + 1, maxNodes, depthLeft - 1);
            _branch.RemoveRange(start, _branch.Count - start);
        }
    }

    /// <summary>What a namespace has taught.</summary>
    private sealed class Memory
    {
        public const int Styles = 2;
        public const float MostStyle = 50, LeastStyle = 0.02f;

        public EdgeCalibrator Calibrator { get; } = new(Priors);

        public float[] StyleTaken { get; } = [1, 1];
    }

    private sealed class State(SkeletonIndex index, Memory memory, int start)
    {
        public SkeletonIndex Index => index;

        public Memory Memory => memory;

        /// <summary>The length class of its first step.</summary>
        public int Start => start;

        public Proposal Proposal { get; } = new();

        /// <summary>Of the next token, all after equally long matches.</summary>
        public List<Place> Places { get; } = [];

        /// <summary>Where the call last came to a gap.</summary>
        public List<Place> Gaps { get; } = [];

        public int Matched { get; set; }

        public bool IsStart { get; set; }

        public bool IsAfterGap { get; set; }
    }
}
