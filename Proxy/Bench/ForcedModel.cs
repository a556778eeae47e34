using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>A target that does all its work and then says what a recording says: acceptance is that of the recorded text, time is real.</summary>
/// <remarks>For one sequence at a time: a row's place in the recording is its position. Rows off the recorded path are never visited.</remarks>
internal sealed class ForcedModel(ITargetModel model) : ITargetModel
{
    private const float Certain = 1e9f;

    /// <summary>Prompt and output of the sequence that runs now; null leaves the model free.</summary>
    public int[]? Recording { get; set; }

    public int VocabularySize => model.VocabularySize;

    public int MaxPositions => model.MaxPositions;

    public int BlockSize => model.BlockSize;

    public long KvBytesPerBlock => model.KvBytesPerBlock;

    public string Fingerprint => model.Fingerprint;

    public void AllocateKv(int blocks) => model.AllocateKv(blocks);

    public StepLogits Forward(StepRows rows)
    {
        StepLogits logits = model.Forward(rows);
        if (Recording is null)
            return logits;
        for (int i = 0; i < logits.Count; i++)
        {
            int next = rows.Positions[rows.LogitRows[i]] + 1;
            if (next < Recording.Length)
                logits[i][Recording[next]] = Certain;
        }

        return logits;
    }

    public void CommitKv(ReadOnlySpan<KvMove> moves) => model.CommitKv(moves);

    public void Dispose() => model.Dispose();
}
