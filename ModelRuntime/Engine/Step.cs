using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>What one forward pass contains, before drafts are added. Reused from step to step.</summary>
internal sealed class Step
{
    /// <summary>Sequences whose last token runs: each may get a draft tree.</summary>
    public List<Sequence> Decoding { get; } = [];

    /// <summary>Sequences with tokens to run before their last, and how many of them. One that comes to its end decodes in the same step.</summary>
    public List<(Sequence Sequence, int Tokens)> Prefilling { get; } = [];

    /// <summary>Keys and values to copy before the pass, in this order: beginnings of cached blocks into new ones.</summary>
    public List<KvMove> Copies { get; } = [];

    /// <summary>Rows before drafts.</summary>
    public int Rows { get; private set; }

    public bool IsEmpty => Rows == 0;

    public void Clear()
    {
        Decoding.Clear();
        Prefilling.Clear();
        Copies.Clear();
        Rows = 0;
    }

    public void AddDecoding(Sequence sequence)
    {
        Decoding.Add(sequence);
        Rows++;
    }

    public void AddPrefill(Sequence sequence, int tokens)
    {
        Prefilling.Add((sequence, tokens));
        Rows += tokens;
    }
}
