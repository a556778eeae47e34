using System.CommandLine;
using System.Runtime.InteropServices;
using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary><c>agentic logits</c>: what the model predicts after each token of a file, for comparison with other implementations.</summary>
internal static class LogitsCommand
{
    private static readonly Option<string>
        Model = CommandRunner.Option<string>("--model", "DIR", "A Hugging Face checkpoint directory.", required: true),
        Ids = CommandRunner.Option<string>("--ids", "FILE", "Token ids, raw little-endian int32.", required: true),
        Out = CommandRunner.Option<string>("--out", "FILE", "Float32 [ids, vocabulary] as a .npy file: row i follows token i.",
            required: true),
        Mode = CommandRunner.Option<string>(
            "--mode", "one-pass|chunks|steps",
            "All ids in one forward pass, in chunks, or one by one through the KV cache. Default: one-pass."),
        Dtype = CommandRunner.Option<string>("--dtype", "auto|f32|bf16", "What it computes in, as for serve. Default: auto.");

    private static readonly Option<int?>
        Chunk = CommandRunner.Option<int?>("--chunk", "N", "Ids of a chunk; implies --mode chunks. Default: 64."),
        Threads = CommandRunner.Option<int?>("--threads", "N", "Threads that compute. Default: one a core.");

    public static Command Create()
    {
        var command = new Command("logits", "Writes next-token logits of a file of token ids.")
        {
            Model, Ids, Out, Mode, Chunk, Threads, Dtype,
        };
        Mode.AcceptOnlyFromAmong("one-pass", "chunks", "steps");
        Dtype.AcceptOnlyFromAmong("auto", "f32", "bf16");
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        string path = parsed.GetRequiredValue(Ids);
        int[] ids = ReadIds(path);
        int chunk = (parsed.GetValue(Mode), parsed.GetValue(Chunk)) switch
        {
            ("steps", _) => 1,
            ("one-pass" or null, null) => ids.Length,
            (_, null) => 64,
            (_, int size and > 0) => size,
            (_, int size) => throw new CommandException($"chunk: {size} is not a number of ids; give 1 or more"),
        };
        ModelStorage storage = parsed.GetValue(Dtype) switch
        {
            "bf16" => ModelStorage.BFloat16,
            "f32" => ModelStorage.Float32,
            _ => ModelStorage.Auto,
        };

        int threads = parsed.GetValue(Threads) ?? Environment.ProcessorCount;
        if (threads < 1)
            throw new CommandException($"threads: {threads} is not a number of threads; give 1 or more");
        using var kernels = new CpuKernels(threads);
        using Transformer model = Transformer.Load(parsed.GetRequiredValue(Model), new ModelOptions(storage), kernels);
        foreach (int id in ids)
        {
            if ((uint)id >= (uint)model.VocabularySize)
                throw new CommandException($"{path}: id {id} is outside the vocabulary, 0 … {model.VocabularySize - 1}");
        }

        if (ids.Length > model.MaxPositions)
            throw new CommandException($"{path}: {ids.Length} ids, and the model takes {model.MaxPositions}; shorten the file");

        using FileStream output = CommandRunner.Create("out", parsed.GetRequiredValue(Out));
        output.Write(Npy.Header("<f4", [ids.Length, model.VocabularySize]));
        Progress.Run("logits", ids.Length, report => Write(model, ids, chunk, output, report));
        return 0;
    }

    private static void Write(Transformer model, int[] ids, int chunk, FileStream output, Action<int> report)
    {
        int[] blocks = [.. Enumerable.Range(0, (ids.Length + model.BlockSize - 1) / model.BlockSize)];
        model.AllocateKv(blocks.Length);
        var rows = new StepRows();
        for (int start = 0; start < ids.Length; start += chunk)
        {
            ReadOnlySpan<int> part = ids.AsSpan(start, Math.Min(chunk, ids.Length - start));
            rows.Clear();
            rows.AddChain(part, start, blocks, model.BlockSize, scoreLast: true, scoreAll: true);
            StepLogits logits = model.Forward(rows);
            for (int row = 0; row < logits.Count; row++)
                output.Write(MemoryMarshal.AsBytes(logits[row]));
            report(part.Length);
        }
    }

    private static int[] ReadIds(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        if (bytes.Length == 0 || bytes.Length % sizeof(int) != 0)
            throw new CommandException($"{path}: {bytes.Length} bytes are no int32 ids; write them raw, little-endian, at least one");
        return MemoryMarshal.Cast<byte, int>(bytes).ToArray();
    }
}
