namespace Agentic.ModelRuntime;

/// <summary>Makes one probability of what several sources say about a node: what they agree on is likelier than each says, what they dispute is not.</summary>
/// <remarks>
/// A conditional logit over the children of a node and "something else". A source that speaks there, with claims q that sum to Q, adds
/// a + w·log q to the score of a child it names, m + v·log(1 − Q) to that of one it does not, and log(1 − Q) to something else's; children and
/// something else share one softmax. Where one source speaks this is its own claim; the weights start as for independent witnesses and are learned
/// from every node that the target visits, online, so siblings never sum to more than 1 and a source's nodes are taken as often as is said.
/// </remarks>
internal sealed class Consensus
{
    /// <summary>Of a node that was not verified.</summary>
    public const int NotChosen = -2;

    private const float LearningRate = 0.2f, Forgetting = 0.999f;
    private const float MostClaimed = 0.99f, LeastClaim = 1e-4f;
    private const float NotChosenWeight = 0.25f;
    private const int Named = 0, Claimed = 1, Unnamed = 2, Unclaimed = 3, Parameters = 4;

    private readonly float[] _weights = new float[DraftTree.Sources * Parameters];
    private readonly float[] _squares = new float[DraftTree.Sources * Parameters];
    private readonly float[] _claimed = new float[DraftTree.Sources];
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
    public void Settle(DraftTree tree)
    {
        Settle(tree, -1);
        for (int node = 0; node < tree.Count; node++)
            Settle(tree, node);
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
            float error = (tree.TokenIds[child] == tokenId ? 1 : 0) - _scores[at];
            if (chosen == NotChosen || verified.ChildOf(chosen, tree.TokenIds[child]) < 0)
                error *= NotChosenWeight;
            ReadOnlySpan<float> claims = tree.Claims(child);
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

    private void Settle(DraftTree tree, int parent)
    {
        int child = tree.FirstChild(parent);
        if (child < 0)
            return;
        Score(tree, parent);
        for (int at = 0; child >= 0; child = tree.NextSibling(child), at++)
            tree.SetConditional(child, _scores[at]);
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
