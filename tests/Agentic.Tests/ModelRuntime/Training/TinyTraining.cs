using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>A golden target of eight layers, and text that it wrote itself.</summary>
internal sealed class TinyTraining : IDisposable
{
    public const int SequenceTokens = 40, PromptTokens = 8;

    public TinyTraining()
    {
        Target = Transformer.Load(Directory, new ModelOptions(), Kernels);
        Data = [.. Enumerable.Range(0, 24).Select(Sequence)];
    }

    public static string Directory => TestFiles.Golden("heads", "target-llama");

    public CpuKernels Kernels { get; } = new(threads: 2);

    /// <summary>Its pool is allocated.</summary>
    public Transformer Target { get; }

    /// <summary>Prompts of few different tokens, and what the target wrote behind them.</summary>
    public TrainingSequence[] Data { get; }

    public void Dispose()
    {
        Target.Dispose();
        Kernels.Dispose();
    }

    private TrainingSequence Sequence(int seed)
    {
        using Transformer writer = Transformer.Load(Directory, new ModelOptions(), Kernels);
        if (seed == 0)
            Target.AllocateKv(64);
        var random = new Random(seed);
        int[] prompt = [.. Enumerable.Range(0, PromptTokens).Select(_ => random.Next(10, 30))];
        int[] answer = new ModelDriver(writer, SequenceTokens, seed).Decode(prompt, SequenceTokens - PromptTokens);
        return new TrainingSequence([.. prompt, .. answer], [.. new bool[PromptTokens], .. Enumerable.Repeat(true, answer.Length)]);
    }
}
