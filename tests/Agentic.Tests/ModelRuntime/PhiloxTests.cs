using System.Runtime.Intrinsics;
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
    public void ManyAtOnce_AreTheWordsOfEachBlock()
    {
        var random = new Random(1);
        uint[] many = new uint[Philox.Many], four = new uint[4];
        for (int trial = 0; trial < 1000; trial++)
        {
            ulong key = (ulong)random.NextInt64();
            uint choice = (uint)random.Next(9), position = (uint)random.Next(), block = (uint)random.Next();

            Philox.DrawMany(key, choice, position, block, many);

            for (uint i = 0; i < Philox.Many; i += 4)
            {
                Philox.Draw(key, choice, position, block + (i / 4), four);
                Assert.Equal(four, many[(int)i..(int)(i + 4)]);
            }
        }
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
    public void GumbelBound_IsAboveTheVariate_ForWordsOfEverySize()
    {
        var random = new Random(1);
        foreach (uint word in (uint[])[0, 1, uint.MaxValue - 1, uint.MaxValue, .. Enumerable.Range(0, 100_000).Select(_ => (uint)random.NextInt64(1L << 32)),
            .. Enumerable.Range(0, 32).SelectMany(bit => (uint[])[1u << bit, ~(1u << bit), (1u << bit) - 1, uint.MaxValue << bit])])
        {
            float bound = Philox.GumbelBound(Vector256.Create(word))[0], variate = Philox.Gumbel(word);
            Assert.True(variate < bound - 1e-4f, $"word {word}");
            Assert.True(variate < 3 || bound < variate + 0.2f || word >= uint.MaxValue - 64, $"word {word}: {bound} for {variate}");
        }
    }

    [Fact]
    public void LargestWord_GivesLargestGumbel()
    {
        Assert.InRange(Philox.Gumbel(uint.MaxValue), 22, Philox.LargestGumbel);
        Assert.True(float.IsFinite(Philox.Gumbel(0)));
    }
}
