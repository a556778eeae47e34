using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class SpeculationPolicyTests
{
    private static readonly double[] Flat = [.. Enumerable.Repeat(1.0, 18)];
    private static readonly double[] Steep = [1, 2, 3, 4, 6, 8, 12, 16];

    [Fact]
    public void VerificationIsFree_EveryNodeIsKept()
    {
        DraftForest forest = Draft(Flat, Chain(0.9f, 0.5f, 0.01f));

        Assert.Equal(3, forest[0].Count);
    }

    [Fact]
    public void EachRowCostsAStep_OnlyNothingPays()
    {
        DraftForest forest = Draft(Steep, Chain(0.9f, 0.8f));

        Assert.Equal(0, forest[0].Count);
    }

    [Fact]
    public void CurveSagsAtFour_ThreeNodesAreTakenEvenIfOneDoesNotPay()
    {
        DraftForest forest = Draft([1, 3, 3, 1.2, 8, 8], Chain(0.6f, 0.5f, 0.4f, 0.3f));

        Assert.Equal(3, forest[0].Count);
    }

    [Fact]
    public void BatchSharesTheRows_TheLikelyNodesOfAnySequenceGoFirst()
    {
        DraftForest forest = Draft([1, 1, 1, 1.01, 8, 8], Chain(0.2f, 0.1f), Chain(0.9f, 0.85f));

        Assert.Equal(0, forest[0].Count);
        Assert.Equal(2, forest[1].Count);
    }

    [Fact]
    public void StepHasAPromptToo_ANodeMustStillPayItsOwnRow()
    {
        var step = new Step();
        Sequence sequence = NewSequence(50, true);
        step.AddPrefill(sequence, 10);
        step.AddDecoding(sequence);
        var policy = new SpeculationPolicy(
            [new ChainDrafter(step, [Chain(0.9f, 0.8f)])], null, new VerifyCost(Steep, 0), new EngineOptions { KvBlocks = 8 }, 100, TimeProvider.System);

        Assert.Equal(0, policy.Draft(step)[0].Count);
    }

    [Fact]
    public void LastTokenOfTheBudget_IsNotDrafted()
    {
        DraftForest forest = Draft(Flat, maxTokens: 2, drafter: Chain(0.9f, 0.9f, 0.9f));

        Assert.Equal(1, forest[0].Count);
    }

    [Fact]
    public void NodeThatEndsTheSequence_IsWorthNothing()
    {
        DraftForest forest = Draft(Flat, 50, true, stop: 1, Chain(0.9f, 0.9f, 0.9f));

        Assert.Equal([0], forest[0].TokenIds.ToArray());
    }

    [Fact]
    public void SpeculationSwitchedOff_NothingIsProposed()
    {
        DraftForest forest = Draft(Flat, maxTokens: 50, drafter: Chain(0.9f), speculation: false);

        Assert.Equal(0, forest[0].Count);
    }

    [Fact]
    public void NothingPaysForLong_FewerStepsAreLookedAt()
    {
        var step = new Step();
        step.AddDecoding(NewSequence(50, true));
        var drafter = new ChainDrafter(step, [Chain(0.1f)]);
        var policy = new SpeculationPolicy([drafter], null, new VerifyCost(Steep, 0), new EngineOptions { KvBlocks = 8 }, 100, TimeProvider.System);

        for (int i = 0; i < 100; i++)
            policy.Draft(step);

        Assert.InRange(drafter.Proposals, 20, 40);
    }

    /// <summary>A node of chance 0.3 saves a fifth of a step of 250 µs, and learning takes as long as looking.</summary>
    [Theory]
    [InlineData(1, 400, 400)]
    [InlineData(20, 60, 150)]
    public void DraftsSaveLessThanLookingTakes_FewerStepsAreLookedAt(int microseconds, int least, int most)
    {
        var step = new Step();
        step.AddDecoding(NewSequence(50, true));
        var clock = new ManualClock();
        var drafter = new ChainDrafter(step, [Chain(0.3f)]) { Looking = () => clock.Advance(1e-6 * microseconds) };
        var policy = new SpeculationPolicy(
            [drafter], null, new VerifyCost([250e-6, 275e-6, 1], 0), new EngineOptions { KvBlocks = 8 }, 100, clock);

        int kept = 0;
        for (int i = 0; i < 400; i++)
            kept += policy.Draft(step)[0].Count;

        Assert.InRange(drafter.Proposals, least, most);
        Assert.Equal(drafter.Proposals, kept);
    }

    [Fact]
    public void NothingPaidForTheLastSequences_TheNextIsLookedAtSeldomFromItsSecondStepOn()
    {
        var step = new Step();
        var drafter = new ChainDrafter(step, [Chain(0.1f)]);
        var policy = new SpeculationPolicy([drafter], null, new VerifyCost(Steep, 0), new EngineOptions { KvBlocks = 8 }, 100, TimeProvider.System);
        List<int> proposals = [];
        for (int sequences = 0; sequences < 6; sequences++)
        {
            Sequence sequence = NewSequence(50, true);
            step.Decoding.Clear();
            step.AddDecoding(sequence);
            policy.Begin(sequence);
            int before = drafter.Proposals;
            policy.Draft(step);
            Assert.Equal(before + 1, drafter.Proposals);
            for (int i = 1; i < 40; i++)
                policy.Draft(step);
            policy.End(sequence);
            proposals.Add(drafter.Proposals - before);
        }

        Assert.InRange(proposals[0], 12, 20);
        Assert.InRange(proposals[^1], 5, 7);

        for (int i = 0; i < 2000; i++)
            policy.Draft(step);
        int looks = drafter.Proposals;
        for (int i = 0; i < 160; i++)
            policy.Draft(step);
        Assert.Equal(10, drafter.Proposals - looks);
    }

    /// <summary>What is of no use to sixteen sequences of a namespace is looked at seldom from the third step on, for all in the same steps. Once it is
    /// of use to one, that one is looked at in every step, and the others as often as their own drafts deserve.</summary>
    [Fact]
    public void NothingPaysForAnyOfMany_FewStepsAreLookedAt()
    {
        float[][] chains = [.. Enumerable.Repeat(Chain(0.1f), 16)];
        var step = new Step();
        foreach (float[] _ in chains)
            step.AddDecoding(NewSequence(50, true));
        var drafter = new ChainDrafter(step, chains);
        var policy = new SpeculationPolicy(
            [drafter], null, new VerifyCost([1.05, 1.1, 1.15, 1.2, 1.3, 1.4, 1.6, 1.8, 2.2], 0), new EngineOptions { KvBlocks = 8 }, 100, TimeProvider.System);
        List<int> proposals = [];
        for (int i = 0; i < 32; i++)
            proposals.Add(Proposed());
        chains[3] = Chain(0.99f);
        for (int i = 0; i < 16; i++)
            proposals.Add(Proposed());

        Assert.Equal([16, 16, 16, 16, 16, 16], proposals[..32].Where(count => count > 0));
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 16, 1, 16, 1, 16, 1, 1, 1, 16], proposals[32..]);

        int Proposed()
        {
            int before = drafter.Proposals;
            policy.Draft(step);
            return drafter.Proposals - before;
        }
    }

    [Fact]
    public void SpeculationSwitchedOff_IsNoDraftThatDidNotPay()
    {
        var step = new Step();
        step.AddDecoding(NewSequence(50, speculation: false));
        var drafter = new ChainDrafter(step, [Chain(0.1f)]);
        var policy = new SpeculationPolicy([drafter], null, new VerifyCost(Steep, 0), new EngineOptions { KvBlocks = 8 }, 100, TimeProvider.System);
        for (int i = 0; i < 100; i++)
            policy.Draft(step);
        step.Decoding.Clear();
        step.AddDecoding(NewSequence(50, speculation: true));
        for (int i = 0; i < 4; i++)
            policy.Draft(step);

        Assert.Equal(4, drafter.Proposals);
    }

    private static float[] Chain(params float[] probabilities) => probabilities;

    private static DraftForest Draft(double[] cost, params float[][] chains) => Draft(cost, 50, true, chains);

    private static DraftForest Draft(double[] cost, int maxTokens, float[] drafter, bool speculation = true) => Draft(cost, maxTokens, speculation, drafter);

    private static DraftForest Draft(double[] cost, int maxTokens, bool speculation, params float[][] chains) =>
        Draft(cost, maxTokens, speculation, stop: null, chains);

    private static DraftForest Draft(double[] cost, int maxTokens, bool speculation, int? stop, params float[][] chains)
    {
        var step = new Step();
        foreach (float[] _ in chains)
            step.AddDecoding(NewSequence(maxTokens, speculation, stop));

        var policy = new SpeculationPolicy(
            [new ChainDrafter(step, chains)], null, new VerifyCost(cost, 0), new EngineOptions { KvBlocks = 8 }, 100, TimeProvider.System);
        return policy.Draft(step);
    }

    private static Sequence NewSequence(int maxTokens, bool speculation, int? stop = null)
    {
        var request = new GenerationRequest
        {
            Id = "test",
            PromptIds = [1],
            Namespace = NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizer"),
            MaxOutputTokens = maxTokens,
            Speculation = speculation,
            StopTokenIds = stop is int token ? [token] : [],
        };
        return new Sequence(new Generation(request, (_, _) => { }), 0, maxTokens, TimeSpan.Zero);
    }

    /// <summary>Proposes a chain of the given reach probabilities.</summary>
    private sealed class ChainDrafter(Step step, float[][] chains) : IDrafter
    {
        public DraftSource Source => DraftSource.Suffix;

        public void Begin(Sequence sequence)
        {
        }

        public int Proposals { get; private set; }

        public Action? Looking { get; init; }

        public void Propose(Sequence sequence, DraftTree tree, int maxNodes, int maxDepth)
        {
            Proposals++;
            Looking?.Invoke();
            float[] chain = chains[step.Decoding.IndexOf(sequence)];
            for (int i = 0, parent = -1; i < Math.Min(chain.Length, maxDepth); i++)
                parent = tree.Add(i, parent, i == 0 ? chain[0] : chain[i] / chain[i - 1], DraftSource.Suffix);
        }

        public void Observe(Sequence sequence, DraftTree verified, ReadOnlySpan<int> committed)
        {
        }

        public void End(Sequence sequence)
        {
        }
    }
}
