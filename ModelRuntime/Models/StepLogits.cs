namespace Agentic.ModelRuntime;

/// <summary>Next-token logits of the rows that asked for them, float32 [count, vocabulary], in the order of <see cref="StepRows.LogitRows"/>.</summary>
/// <remarks>A view of the model's buffer, valid until its next forward pass.</remarks>
public readonly unsafe struct StepLogits
{
    private readonly float* _data;

    /// <summary>Views <paramref name="count"/> rows at <paramref name="data"/>.</summary>
    public StepLogits(float* data, int count, int vocabularySize)
    {
        _data = data;
        Count = count;
        VocabularySize = vocabularySize;
    }

    /// <summary>Rows.</summary>
    public int Count { get; }

    /// <summary>Elements of a row.</summary>
    public int VocabularySize { get; }

    /// <summary>One row, [vocabulary]. The caller may change it in place.</summary>
    public Span<float> this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return new Span<float>(_data + ((long)index * VocabularySize), VocabularySize);
        }
    }
}
