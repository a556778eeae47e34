using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed unsafe class StateCacheTests
{
    private const int BlockSize = 4;

    [Fact]
    public void States_LieAtTheSlotsOfTheirRows_AndMoveWithThem()
    {
        using var states = new StateCache(new Rows(), kvBlocks: 8, BlockSize, byteBudget: 1 << 10);
        states.Keep(Chain([5, 6], block: 3));

        Assert.Equal(0, *states.Find(12));
        Assert.Equal(1, *states.Find(13));
        Assert.True(states.Find(14) == null);

        states.Move([new KvMove(13, 14)]);
        Assert.Equal(1, *states.Find(14));
    }

    [Fact]
    public void MemoryIsUsedUp_BlocksWrittenLongestAgoLoseTheirs()
    {
        using var states = new StateCache(new Rows(), kvBlocks: 8, BlockSize, byteBudget: 2 * BlockSize * sizeof(float));
        foreach (int block in new[] { 1, 2, 3 })
            states.Keep(Chain([7], block));

        Assert.True(states.Find(4) == null);
        Assert.True(states.Find(8) != null);
        Assert.True(states.Find(12) != null);
    }

    [Fact]
    public void StateOfAnAcceptedNodeWasGivenUp_ItsPlaceHoldsNoOtherNodes()
    {
        using var states = new StateCache(new Rows(), kvBlocks: 8, BlockSize, byteBudget: BlockSize * sizeof(float));
        states.Keep(Chain([7, 8], block: 1));
        states.Move([new KvMove(20, 5)]);

        Assert.True(states.Find(5) == null);
        Assert.True(states.Find(4) != null);
    }

    private static StepRows Chain(int[] tokens, int block)
    {
        var rows = new StepRows();
        rows.AddChain(tokens, 0, [block], BlockSize, scoreLast: false);
        return rows;
    }

    private sealed class Rows : ITargetStates
    {
        public int StateSize => 1;

        public void CopyState(int row, float* into) => *into = row;
    }
}
