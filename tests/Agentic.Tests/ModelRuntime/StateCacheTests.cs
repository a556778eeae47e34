using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed unsafe class StateCacheTests
{
    private const int BlockSize = 4;

    [Fact]
    public void States_LieAtTheSlotsTheyAreKeptFor_AndAreCopiedWithThem()
    {
        using var states = new StateCache(new Rows(), kvBlocks: 8, BlockSize, byteBudget: 1 << 10);
        states.Keep(0, 12);
        states.Keep(1, 13);

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
            states.Keep(0, BlockSize * block);

        Assert.True(states.Find(4) == null);
        Assert.True(states.Find(8) != null);
        Assert.True(states.Find(12) != null);
    }

    [Fact]
    public void StateThatIsCopiedWasGivenUp_ItsPlaceHoldsNoOther()
    {
        using var states = new StateCache(new Rows(), kvBlocks: 8, BlockSize, byteBudget: BlockSize * sizeof(float));
        states.Keep(0, 4);
        states.Keep(1, 5);
        states.Move([new KvMove(20, 5)]);

        Assert.True(states.Find(5) == null);
        Assert.True(states.Find(4) != null);
    }

    private sealed class Rows : ITargetStates
    {
        public int StateSize => 1;

        public void CopyState(int row, float* into) => *into = row;
    }
}
