using System.Numerics.Tensors;

namespace Agentic.ModelRuntime;

/// <summary>For each token the eight that the target last thought likeliest to follow it, and how likely among themselves.</summary>
/// <remarks>Rows are allocated in pages as tokens are met: most of a vocabulary never is.</remarks>
internal sealed class SuccessorTable(int vocabularySize)
{
    /// <summary>Successors kept of a token.</summary>
    public const int Successors = 8;

    private const int PageBits = 6, PageRows = 1 << PageBits;

    private readonly Page?[] _pages = new Page?[(vocabularySize + PageRows - 1) >> PageBits];

    /// <summary>Of one page, object headers left out.</summary>
    public const int PageBytes = PageRows * Successors * (sizeof(int) + sizeof(float));

    /// <summary>Allocated for rows.</summary>
    public long Bytes { get; private set; }

    /// <summary>Replaces a token's row by what a row of logits says.</summary>
    public void Learn(int token, ReadOnlySpan<float> logits)
    {
        ref Page? page = ref _pages[token >> PageBits];
        if (page is null)
        {
            page = new Page();
            Bytes += PageBytes;
        }

        int row = (token & (PageRows - 1)) * Successors;
        Span<float> shares = page.Shares.AsSpan(row, Successors);
        TopLogits.Find(logits, page.TokenIds.AsSpan(row, Successors), shares);
        TensorPrimitives.SoftMax(shares, shares);
    }

    /// <summary>A token's successors, falling, and their shares; empty where it was never scored.</summary>
    public ReadOnlySpan<int> Of(int token, out ReadOnlySpan<float> shares)
    {
        int row = (token & (PageRows - 1)) * Successors;
        if (_pages[token >> PageBits] is not { } page || page.Shares[row] == 0)
        {
            shares = [];
            return [];
        }

        shares = page.Shares.AsSpan(row, Successors);
        return page.TokenIds.AsSpan(row, Successors);
    }

    private sealed class Page
    {
        public int[] TokenIds { get; } = new int[PageRows * Successors];

        public float[] Shares { get; } = new float[PageRows * Successors];
    }
}
