using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class SequenceFileTests
{
    private static readonly NamespaceKey One = NamespaceKey.Derive("secret"u8, "one", "m", "t"),
        Two = NamespaceKey.Derive("secret"u8, "two", "m", "t");

    [Fact]
    public void Written_ReadsBackWithNamespacesRunsAndTimes()
    {
        StoredSequence[] written = [.. Some(One, 1, 40), .. Some(Two, 2, 30), .. Some(One, 3, 20), Huge(Two)];
        SequenceFileReader reader = new(new MemoryStream(Write(written)));

        StoredSequence[] read = [.. reader.Read()];

        AssertSame(written, read);
        Assert.True(reader.IsComplete);
        Assert.Equal((0, written.Length), (reader.Damaged, reader.Sequences));
        Assert.Equal(written.Sum(sequence => (long)sequence.Tokens.Length), reader.Tokens);
    }

    [Fact]
    public void Empty_IsComplete()
    {
        SequenceFileReader reader = new(new MemoryStream(Write([])));
        Assert.Empty(reader.Read());
        Assert.True(reader.IsComplete);
    }

    [Fact]
    public void CutAnywhere_GivesTheWholeEntriesBeforeItAndIsNotComplete()
    {
        StoredSequence[] written = [.. Some(One, 1, 4), .. Some(Two, 2, 4), .. Some(One, 3, 4)];
        byte[] file = Write(written);
        for (int length = 0; length < file.Length; length++)
        {
            MemoryStream cut = new(file, 0, length);
            if (length < 9)
            {
                Assert.Throws<InvalidDataException>(() => new SequenceFileReader(cut));
                continue;
            }

            SequenceFileReader reader = new(cut);
            StoredSequence[] read = [.. reader.Read()];
            AssertSame(written[..read.Length], read);
            Assert.Equal(0, read.Length % 4);
            Assert.False(reader.IsComplete, $"{length}");
        }
    }

    [Fact]
    public void OneByteChanged_LosesAtMostItsEntryAndIsNotComplete()
    {
        StoredSequence[] written = [.. Some(One, 1, 4), .. Some(Two, 2, 4), .. Some(One, 3, 4)];
        byte[] file = Write(written);
        Random random = new(5);
        for (int at = 9; at < file.Length; at++)
        {
            byte[] damaged = [.. file];
            damaged[at] ^= (byte)random.Next(1, 256);
            SequenceFileReader reader = new(new MemoryStream(damaged));
            StoredSequence[] read = [.. reader.Read()];
            Assert.InRange(read.Length, 8, 12);
            Assert.All(read, sequence => Assert.Contains(written, other => Same(sequence, other)));
            Assert.False(reader.IsComplete, $"{at}");
            Assert.Equal(1, reader.Damaged);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Shuffled_NeverGivesWhatWasNotWritten(int seed)
    {
        StoredSequence[] written = [.. Some(One, 1, 10), .. Some(Two, 2, 10)];
        byte[] file = Write(written);
        Random random = new(seed);
        for (int round = 0; round < 300; round++)
        {
            byte[] damaged = [.. file[..9]];
            for (int piece = random.Next(6); piece >= 0; piece--)
            {
                int from = random.Next(9, file.Length), to = random.Next(from, file.Length + 1);
                byte[] noise = new byte[random.Next(200)];
                random.NextBytes(noise);
                damaged = [.. damaged, .. file[from..to], .. noise];
            }

            SequenceFileReader reader = new(new MemoryStream(damaged));
            Assert.All(reader.Read(), sequence => Assert.Contains(written, other => Same(sequence, other)));
        }
    }

    [Fact]
    public void OfAnotherKind_IsRefused()
    {
        byte[] file = Write([]);
        file[8]++;
        Assert.Contains("version 2", Assert.Throws<InvalidDataException>(() => new SequenceFileReader(new MemoryStream(file))).Message,
            StringComparison.Ordinal);
        Assert.Contains("no file of sequences",
            Assert.Throws<InvalidDataException>(() => new SequenceFileReader(new MemoryStream("{\"messages\": []}"u8.ToArray()))).Message,
            StringComparison.Ordinal);
    }

    private static byte[] Write(IEnumerable<StoredSequence> sequences)
    {
        using MemoryStream stream = new();
        using SequenceFileWriter writer = new(stream);
        foreach (StoredSequence sequence in sequences)
            writer.Add(sequence);
        writer.Complete();
        return stream.ToArray();
    }

    private static IEnumerable<StoredSequence> Some(NamespaceKey key, int seed, int count)
    {
        Random random = new(seed);
        for (int i = 0; i < count; i++)
        {
            int prompt = random.Next(1, 30), output = random.Next(1, 30);
            yield return new StoredSequence(key, Enumerable.Range(0, prompt + output).Select(_ => random.Next(300)).ToArray())
            {
                Runs = [new TokenRun(TokenKind.Prompt, prompt), new TokenRun(TokenKind.Output, output)],
                Time = DateTimeOffset.FromUnixTimeMilliseconds(random.NextInt64(2_000_000_000_000)),
            };
        }
    }

    /// <summary>Longer than the reader's first buffer.</summary>
    private static StoredSequence Huge(NamespaceKey key)
    {
        Random random = new(9);
        return new StoredSequence(key, Enumerable.Range(0, 1_000_000).Select(_ => random.Next(1 << 30)).ToArray());
    }

    private static void AssertSame(StoredSequence[] expected, StoredSequence[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Same(expected[i], actual[i]), $"{i}");
    }

    private static bool Same(StoredSequence a, StoredSequence b) =>
        a.Namespace == b.Namespace && a.Time.ToUnixTimeMilliseconds() == b.Time.ToUnixTimeMilliseconds()
        && a.Runs.SequenceEqual(b.Runs) && a.Tokens.Span.SequenceEqual(b.Tokens.Span);
}
