using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed class PhiloxTests
{
    /// <summary>The known answers that Random123 publishes for Philox 4×32-10 (counter words, key words, results).</summary>
    [Fact]
    public void KnownCounters_GiveKnownWords()
    {
        uint[] words = new uint[4];

        Philox.Draw(0, 0, 0, 0, words);

        Assert.Equal([0x6627E8D5u, 0xE169C58Du, 0xBC57AC4Cu, 0x9B00DBD8u], words);
    }

    [Fact]
    public void NeighbouringCounters_ShareNothing()
    {
        HashSet<uint> seen = [];
        uint[] words = new uint[4];
        for (uint position = 0; position < 50; position++)
        {
            for (uint choice = 0; choice < 4; choice++)
            {
                Philox.Draw(42, choice, position, 0, words);
                Array.ForEach(words, word => Assert.True(seen.Add(word)));
            }
        }
    }

    [Fact]
    public void LargestWord_GivesLargestGumbel()
    {
        Assert.InRange(Philox.Gumbel(uint.MaxValue), 22, Philox.LargestGumbel);
        Assert.True(float.IsFinite(Philox.Gumbel(0)));
    }
}
