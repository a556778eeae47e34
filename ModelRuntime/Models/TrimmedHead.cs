using System.Runtime.InteropServices;

namespace Agentic.ModelRuntime;

/// <summary>Some rows of the target's scoring matrix, for a head that has none of its own: EAGLE-1 and its kin then propose only the tokens
/// written most.</summary>
/// <remarks>FR-Spec, arXiv 2502.14856, and VocabTrim: most of such a head's time goes into rows that are never the best. The rows are copied, so
/// that they lie side by side.</remarks>
internal sealed unsafe class TrimmedHead : IDisposable
{
    private readonly NativeArray<byte> _rows = new();

    private TrimmedHead(int[] tokens, Weight head)
    {
        int bytes = head.Shape[1] * Weight.BytesOf(head.Type);
        _rows.Reserve((long)tokens.Length * bytes);
        for (int i = 0; i < tokens.Length; i++)
            NativeMemory.Copy((byte*)head.Data + ((long)tokens[i] * bytes), _rows.Data + ((long)i * bytes), (nuint)bytes);
        TargetTokens = tokens;
        Projection = new Projection(head with { Shape = [tokens.Length, head.Shape[1]], Data = (nint)_rows.Data }, null);
    }

    /// <summary>[size] the target's id of each.</summary>
    public int[] TargetTokens { get; }

    /// <summary>[size, hidden].</summary>
    public Projection Projection { get; }

    /// <summary>The rows that a head's directory asks for in <see cref="DraftVocabulary.FileName"/>; null where it has no such file.</summary>
    /// <exception cref="ModelLoadException">The file is damaged, or of another vocabulary.</exception>
    public static TrimmedHead? Find(string directory, Projection head)
    {
        string path = Path.Combine(directory, DraftVocabulary.FileName);
        if (!File.Exists(path))
            return null;
        using SafetensorsFile file = SafetensorsFile.Open(path);
        if (!file.Entries.TryGetValue("d2t", out TensorFile.Entry entry) || entry.Type != "I64" || entry.Shape.Length != 1 || entry.Bytes == 0)
            throw new ModelLoadException($"{path} has no I64 tensor d2t; write it again with \"agentic train-draft --vocabulary-only\"");
        var offsets = new ReadOnlySpan<long>((void*)(file.Start + (nint)entry.Offset), entry.Shape[0]);
        return new TrimmedHead(EagleWeights.TokensOf(offsets, head.Outputs, path), head.Weight);
    }

    public void Dispose() => _rows.Dispose();
}
