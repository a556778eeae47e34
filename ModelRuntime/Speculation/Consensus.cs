namespace Agentic.ModelRuntime;

/// <summary>Makes one probability of what several sources say about a node: what they agree on is likelier than each says, what they dispute is not.</summary>
/// <remarks>
/// A conditional logit over the children of a node and "something else". A source that speaks there, with claims q that sum to Q, adds
/// a + w·log q to the score of a child it names, m + v·log(1 − Q) to that of one it does not, and log(1 − Q) to something else's; children and
/// something else share one softmax. Where one source speaks this is its own claim; the weights start as for independent witnesses and are learned
/// from every node that the target visits, online. What the chances then turn out to be, of the nodes that are chosen for being the likeliest, is
/// counted by their sources, and they are corrected by it, as by how the request's own drafts have fared; siblings never sum to more than 1.
/// </remarks>
internal sealed class Consensus
{
    /// <summary>Of a node that was not verified.</summary>
    public const int NotChosen = -2;

    private const float LearningRate = 0.2f, Forgetting = 0.999f;
    private const float MostClaimed = 0.998f, LeastClaim = 1e-4f;
    private const float NotChosenWeight = 0.25f;

    // What chances turn out to be: by the sources that name a node, tenths of chance, and depth 1, 2–3, more.
    private const int Chances = 10, Depths = 3, PriorNodes = 4;
    private const float NotChosenCount = 0.1f, MostSum = 0.998f;

    private static readonly int Kinds = (1 << DraftTree.Sources) * Chances * Depths;
    private const int Named = 0, Claimed = 1, Unnamed = 2, Unclaimed = 3, Parameters = 4;

    private readonly float[] _weights = new float[DraftTree.Sources * Parameters];
    private readonly float[] _squares = new float[DraftTree.Sources * Parameters];
    private readonly float[] _claimed = new float[DraftTree.Sources];
    private readonly EdgeCalibrator _outcomes = new([.. Enumerable.Repeat(1f, Kinds)], PriorNodes);
    private float[] _scores = new float[64];

    public Consensus()
    {
        Array.Fill(_squares, 1);
        for (int source = 0; source < DraftTree.Sources; source++)
        {
            // A token that a source passed over is one of many others it could be.
            (_weights[At(source, Claimed)], _weights[At(source, Unclaimed)], _weights[At(source, Unnamed)]) = (1, 1, -1);
        }
    }

    /// <summary>Sets the probabilities of a tree's nodes.</summary>
    /// <param name="tree">Of the request.</param>
    /// <param name="record">How its earlier ones fared.</param>
    public void Settle(DraftTree tree, DraftRecord record)
    {
        Settle(tree, -1, record);
        for (int node = 0; node < tree.Count; node++)
            Settle(tree, node, record);
    }

    /// <summary>Sets the probabilities of a settled tree's nodes anew, after claims for the children of some were added.</summary>
    /// <param name="tree">Of the request.</param>
    /// <param name="parents">Of that tree.</param>
    /// <param name="record">How its earlier ones fared.</param>
    public void Settle(DraftTree tree, ReadOnlySpan<FrontierNode> parents, DraftRecord record)
    {
        foreach (ref readonly FrontierNode parent in parents)
            Settle(tree, parent.Node, record);
        tree.Refresh();
    }

    /// <summary>The target came to a node of the tree as it was settled, and went on to a token.</summary>
    /// <param name="tree">All that was proposed.</param>
    /// <param name="parent">The node, −1 for the root.</param>
    /// <param name="tokenId">The token.</param>
    /// <param name="verified">Those nodes that were chosen. The likeliest of many are chosen, and so the overrated: they count most.</param>
    /// <param name="chosen">The node among them, or <see cref="NotChosen"/>.</param>
    public void Learn(DraftTree tree, int parent, int tokenId, DraftTree verified, int chosen)
    {
        int first = tree.FirstChild(parent);
        if (first < 0)
            return;
        Score(tree, parent);
        int at = 0;
        for (int child = first; child >= 0; child = tree.NextSibling(child), at++)
        {
            bool taken = tree.TokenIds[child] == tokenId, isChosen = chosen != NotChosen && verified.ChildOf(chosen, tree.TokenIds[child]) >= 0;
            float error = ((taken ? 1 : 0) - _scores[at]) * (isChosen ? 1 : NotChosenWeight);
            ReadOnlySpan<float> claims = tree.Claims(child);
            _outcomes.Learn(KindOf(claims, _scores[at], tree.Depths[child]), _scores[at], taken, isChosen ? 1 : NotChosenCount);
            for (int source = 0; source < claims.Length; source++)
            {
                if (_claimed[source] == 0)
                    continue;
                bool named = claims[source] > 0;
                Step(At(source, named ? Named : Unnamed), error);
                Step(At(source, named ? Claimed : Unclaimed), error * (named ? Log(claims[source]) : MathF.Log(1 - _claimed[source])));
            }
        }
    }

    private void Settle(DraftTree tree, int parent, DraftRecord record)
    {
        int first = tree.FirstChild(parent), at = 0;
        if (first < 0)
            return;
        Score(tree, parent);
        float sum = 0;
        for (int child = first; child >= 0; child = tree.NextSibling(child), at++)
        {
            ReadOnlySpan<float> claims = tree.Claims(child);
            int kind = KindOf(claims, _scores[at], tree.Depths[child]);
            sum += _scores[at] = Math.Min(MostSum, _outcomes.Probability(kind, _scores[at]) * record.Fortune(claims));
        }

        float scale = Math.Min(1, MostSum / sum);
        at = 0;
        for (int child = first; child >= 0; child = tree.NextSibling(child), at++)
            tree.SetConditional(child, scale * _scores[at]);
    }

    private static int KindOf(ReadOnlySpan<float> claims, float chance, int depth)
    {
        int named = 0;
        for (int source = 0; source < claims.Length; source++)
            named |= claims[source] > 0 ? 1 << source : 0;
        return (((named * Chances) + Math.Clamp((int)(chance * Chances), 0, Chances - 1)) * Depths) + (depth == 1 ? 0 : depth <= 3 ? 1 : 2);
    }

    /// <summary>Leaves the children's probabilities in <see cref="_scores"/>, and what each source claims in all in <see cref="_claimed"/>.</summary>
    private void Score(DraftTree tree, int parent)
    {
        Array.Clear(_claimed);
        for (int child = tree.FirstChild(parent); child >= 0; child = tree.NextSibling(child))
        {
            ReadOnlySpan<float> claims = tree.Claims(child);
            for (int source = 0; source < claims.Length; source++)
                _claimed[source] += claims[source];
        }

        float other = 0;
        for (int source = 0; source < _claimed.Length; source++)
        {
            if (_claimed[source] == 0)
                continue;
            _claimed[source] = Math.Min(_claimed[source], MostClaimed);
            other += MathF.Log(1 - _claimed[source]);
        }

        int count = 0;
        float highest = other;
        for (int child = tree.FirstChild(parent); child >= 0; child = tree.NextSibling(child))
        {
            if (count == _scores.Length)
                Array.Resize(ref _scores, 2 * count);
            highest = Math.Max(highest, _scores[count++] = ScoreOf(tree.Claims(child)));
        }

        float sum = MathF.Exp(other - highest);
        for (int i = 0; i < count; i++)
            sum += _scores[i] = MathF.Exp(_scores[i] - highest);
        for (int i = 0; i < count; i++)
            _scores[i] /= sum;
    }

    private float ScoreOf(ReadOnlySpan<float> claims)
    {
        float score = 0;
        for (int source = 0; source < claims.Length; source++)
        {
            if (_claimed[source] == 0)
                continue;
            score += claims[source] > 0
                ? _weights[At(source, Named)] + (_weights[At(source, Claimed)] * Log(claims[source]))
                : _weights[At(source, Unnamed)] + (_weights[At(source, Unclaimed)] * MathF.Log(1 - _claimed[source]));
        }

        return score;
    }

    private void Step(int at, float gradient)
    {
        _squares[at] = (Forgetting * _squares[at]) + (gradient * gradient);
        _weights[at] += LearningRate * gradient / MathF.Sqrt(_squares[at]);
    }

    private static float Log(float claim) => MathF.Log(Math.Clamp(claim, LeastClaim, MostClaimed));

    private static int At(int source, int parameter) => (source * Parameters) + parameter;
}
