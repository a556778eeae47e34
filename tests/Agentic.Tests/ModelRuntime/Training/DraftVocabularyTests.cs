using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed class DraftVocabularyTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void MostWritten_AreChosenByRisingId()
    {
        // 9 three times, 4 twice, 2 and 7 once; what was only read does not count.
        TrainingSequence sequence = Sequence([1, 1, 1, 1, 9, 4, 9, 7, 4, 9, 2], read: 4);

        Assert.Equal([9], Choose(1).Tokens);
        Assert.Equal([4, 9], Choose(2).Tokens);
        Assert.Equal([2, 4, 9], Choose(3).Tokens);
        Assert.Equal([0, 2, 4, 7, 9], Choose(5).Tokens);
        Assert.Equal(5.0 / 7, Choose(2).Coverage, 1e-9);
        Assert.Equal(1, Choose(5).Coverage);

        DraftVocabulary Choose(int size) => DraftVocabulary.Choose([sequence], 10, size);
    }

    [Fact]
    public void WithoutSize_HoldsAlmostAllThatWasWritten()
    {
        var random = new Random(1);
        TrainingSequence sequence = Sequence([.. Enumerable.Range(0, 100_000).Select(_ => (int)(1000 * Math.Pow(random.NextDouble(), 4)))], read: 0);

        var vocabulary = DraftVocabulary.Choose([sequence], 5000);

        Assert.InRange(vocabulary.Coverage, 0.999, 1);
        Assert.InRange(vocabulary.Tokens.Count, 64, 1024);
        Assert.Equal(0, vocabulary.Tokens.Count % 64);
        Assert.Equal(30, DraftVocabulary.Choose([Sequence([1, 2, 3], read: 0)], 30).Tokens.Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(11)]
    public void SizeOutsideTheModels_IsRefused(int size) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => DraftVocabulary.Choose([Sequence([1, 2], 0)], 10, size));

    [Fact]
    public void Saved_HasOffsetsAndMarks()
    {
        DraftVocabulary.Choose([Sequence([3, 3, 8, 8, 5, 5], 0)], 10, 3).Save(_directory.Path);

        using SafetensorsFile file = SafetensorsFile.Open(_directory[DraftVocabulary.FileName]);
        Assert.Equal([3, 4, 6], Values<long>(file, "d2t"));
        Assert.Equal([0, 0, 0, 1, 0, 1, 0, 0, 1, 0], Values<byte>(file, "t2d"));
        Assert.Equal(("I64", "BOOL"), (file.Entries["d2t"].Type, file.Entries["t2d"].Type));
    }

    private static unsafe T[] Values<T>(SafetensorsFile file, string name)
        where T : unmanaged =>
        new ReadOnlySpan<T>((void*)(file.Start + (nint)file.Entries[name].Offset), (int)file.Entries[name].Bytes / sizeof(T)).ToArray();

    private static TrainingSequence Sequence(int[] tokens, int read) => new(tokens, [.. tokens.Select((_, i) => i >= read)]);
}
