using System.Runtime.InteropServices;

namespace Agentic.ModelRuntime;

/// <summary>The tokens a head may propose: those that the model writes most.</summary>
/// <remarks>A head's scoring matrix has a row for each, and costs as much as the rest of the head when it has all (EAGLE-3's d2t; FR-Spec,
/// arXiv 2502.14856, and VocabTrim do the same for heads that score with the target's matrix).</remarks>
public sealed class DraftVocabulary
{
    /// <summary>What a head's directory holds of it where the head has no scoring matrix of its own.</summary>
    public const string FileName = "draft_vocabulary.safetensors";

    private const double DefaultCoverage = 0.999;
    private const int Granularity = 64, MostByDefault = 32_000;

    private DraftVocabulary(int[] tokens, int vocabularySize, double coverage) =>
        (Tokens, VocabularySize, Coverage) = (tokens, vocabularySize, coverage);

    /// <summary>[size] the model's ids, rising: token d of the head is Tokens[d].</summary>
    public IReadOnlyList<int> Tokens { get; }

    /// <summary>Tokens the model has.</summary>
    public int VocabularySize { get; }

    /// <summary>Of the written tokens it was chosen by, the share it holds.</summary>
    public double Coverage { get; }

    /// <summary>Chooses the tokens written most, ties by the lowest id.</summary>
    /// <param name="sequences">What was written.</param>
    /// <param name="vocabularySize">Tokens of the model.</param>
    /// <param name="size">How many, at most the model's; null for as many as make up 99.9 % of what was written.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is not 1 … the model's.</exception>
    public static DraftVocabulary Choose(IEnumerable<TrainingSequence> sequences, int vocabularySize, int? size = null)
    {
        ArgumentNullException.ThrowIfNull(sequences);
        if (size is int asked)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(asked, 1, nameof(size));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(asked, vocabularySize, nameof(size));
        }

        long[] counts = new long[vocabularySize];
        foreach (TrainingSequence sequence in sequences)
        {
            for (int i = 0; i < sequence.Tokens.Length; i++)
                counts[sequence.Tokens[i]] += sequence.Written[i] ? 1 : 0;
        }

        int[] byFrequency = [.. Enumerable.Range(0, vocabularySize).OrderByDescending(token => counts[token])];
        long all = counts.Sum();
        int[] tokens = [.. byFrequency.Take(size ?? Sufficient(byFrequency, counts, all)).Order()];
        return new DraftVocabulary(tokens, vocabularySize, all == 0 ? 0 : (double)tokens.Sum(token => counts[token]) / all);
    }

    /// <summary>Writes it beside a head that scores with the target's matrix.</summary>
    public void Save(string directory)
    {
        Directory.CreateDirectory(directory);
        SafetensorsWriter.Write(Path.Combine(directory, FileName), Tensors());
    }

    /// <summary>d2t, what is added to each of the head's ids, and t2d, whether the head has a token.</summary>
    internal IEnumerable<NamedTensor> Tensors()
    {
        long[] offsets = [.. Tokens.Select((token, i) => (long)token - i)];
        byte[] known = new byte[VocabularySize];
        foreach (int token in Tokens)
            known[token] = 1;
        return
        [
            new NamedTensor("d2t", "I64", [offsets.Length], MemoryMarshal.AsBytes(offsets.AsSpan()).ToArray()),
            new NamedTensor("t2d", "BOOL", [known.Length], known),
        ];
    }

    private static int Sufficient(int[] byFrequency, long[] counts, long all)
    {
        int size = 0;
        for (long covered = 0; covered < all * DefaultCoverage; size++)
            covered += counts[byFrequency[size]];
        size = Math.Max(1, (size + Granularity - 1) / Granularity) * Granularity;
        return Math.Min(size, Math.Min(byFrequency.Length, MostByDefault));
    }
}
