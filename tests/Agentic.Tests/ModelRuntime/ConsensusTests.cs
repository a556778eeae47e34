using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed class ConsensusTests
{
    [Fact]
    public void OneSourceSpeaks_ItsClaimStands()
    {
        var tree = new DraftTree();
        int node = tree.Add(1, -1, 0.7f, DraftSource.Suffix);
        tree.Add(2, -1, 0.2f, DraftSource.Suffix);
        tree.Add(3, node, 0.5f, DraftSource.Suffix);

        new Consensus().Settle(tree, new DraftRecord());

        Assert.Equal(0.7, tree.Probabilities[0], 4);
        Assert.Equal(0.2, tree.Probabilities[1], 4);
        Assert.Equal(0.35, tree.Probabilities[2], 4);
    }

    [Fact]
    public void TwoSourcesAgree_LikelierThanEachSays_Disagree_LessLikely()
    {
        var tree = new DraftTree();
        int agreed = tree.Add(1, -1, 0.7f, DraftSource.Suffix);
        tree.Add(1, -1, 0.7f, DraftSource.Eagle);
        tree.Add(2, agreed, 0.7f, DraftSource.Suffix);
        tree.Add(3, agreed, 0.7f, DraftSource.Eagle);

        new Consensus().Settle(tree, new DraftRecord());

        Assert.InRange(tree.Probabilities[0], 0.75f, 0.95f);
        Assert.InRange(tree.Probabilities[1] / tree.Probabilities[0], 0.1f, 0.6f);
        Assert.True((tree.Probabilities[1] + tree.Probabilities[2]) / tree.Probabilities[0] < 1);
    }

    /// <summary>A head names children of some nodes, new ones and known ones: what lies below those, too, is as likely as if all were settled anew.</summary>
    [Fact]
    public void ClaimsWereAdded_SettledBelowTheirParentsAsTheWholeTreeIs()
    {
        DraftTree part = Tree(), whole = Tree();
        var consensus = new Consensus();
        consensus.Settle(part, new DraftRecord());
        Name(part);
        Name(whole);

        consensus.Settle(part, [At(-1), At(0)], new DraftRecord());
        consensus.Settle(whole, new DraftRecord());

        Assert.Equal(whole.Probabilities.ToArray(), part.Probabilities.ToArray());
        Assert.NotEqual(Settled(Tree())[^1], part.Probabilities[3]);

        static FrontierNode At(int node) => new(0, node, 1, 1, 1, -1, 0);

        float[] Settled(DraftTree tree)
        {
            consensus.Settle(tree, new DraftRecord());
            return tree.Probabilities.ToArray();
        }

        static DraftTree Tree()
        {
            var tree = new DraftTree();
            int node = tree.Add(1, -1, 0.6f, DraftSource.Suffix);
            tree.Add(2, -1, 0.3f, DraftSource.Suffix);
            node = tree.Add(3, node, 0.8f, DraftSource.Suffix);
            tree.Add(4, node, 0.9f, DraftSource.Suffix);
            return tree;
        }

        static void Name(DraftTree tree)
        {
            tree.Add(1, -1, 0.9f, DraftSource.Eagle);
            tree.Add(5, -1, 0.05f, DraftSource.Eagle);
            tree.Add(6, 0, 0.7f, DraftSource.Eagle);
        }
    }

    /// <summary>One source is right as often as it says, the other half as often, and the two know nothing of each other.</summary>
    [Fact]
    public void SourceIsOverconfident_NodesBecomeAsLikelyAsTheyAreTaken()
    {
        var random = new Random(1);
        var consensus = new Consensus();
        double expected = 0, taken = 0, liar = 0, liarTaken = 0;
        for (int step = 0; step < 6000; step++)
        {
            float honest = 0.3f + (0.6f * random.NextSingle()), boast = 0.6f + (0.35f * random.NextSingle());
            int target = random.Next(100, 200), first = random.NextSingle() < honest ? target : random.Next(100), second = random.NextSingle() < boast / 2 ? target : random.Next(100);
            var tree = new DraftTree();
            if (step % 3 != 1)
                tree.Add(first, -1, honest, DraftSource.Suffix);
            if (step % 3 != 2)
                tree.Add(second, -1, boast, DraftSource.Eagle);
            consensus.Settle(tree, new DraftRecord());
            for (int node = 0; node < tree.Count && step >= 1000; node++)
            {
                bool isTarget = tree.TokenIds[node] == target;
                (expected, taken) = (expected + tree.Probabilities[node], taken + (isTarget ? 1 : 0));
                if (tree.Claim(node, DraftSource.Eagle) > 0)
                    (liar, liarTaken) = (liar + tree.Probabilities[node], liarTaken + (isTarget ? 1 : 0));
            }

            consensus.Learn(tree, -1, target, tree, -1);
        }

        Assert.InRange(expected / taken, 0.95, 1.05);
        Assert.InRange(liar / liarTaken, 0.95, 1.05);
    }
}
