using System.Buffers.Binary;
using System.Text.Json.Nodes;
using Agentic.Kernels;
using Agentic.ModelRuntime;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>What the check at load can tell of a head that is fed with other states than it was trained on.</summary>
public sealed class DraftCheckTests(ITestOutputHelper output)
{
    private static readonly string Model = Path.Combine(TestFiles.Root, "models", BundledModel.Name), Head = Model + "-eagle3";

    [Fact]
    public void StatesInAnotherOrder_AreFound_AndNeighbouringLayersCannotBe()
    {
        using var kernels = new CpuKernels();
        using Transformer target = Transformer.Load(Model, new ModelOptions(), kernels);
        target.AllocateKv(64);
        double right = Check(Head, target, kernels);

        using var shuffled = new TemporaryDirectory();
        Copy(shuffled.Path, config => { }, MirrorFuse);
        double mirrored = Check(shuffled.Path, target, kernels);

        using var first = new TemporaryDirectory();
        Copy(first.Path, config => config["eagle_aux_hidden_state_layer_ids"] = new JsonArray(0, 1, 2), weights => { });
        double early = Check(first.Path, target, kernels);

        output.WriteLine($"right {right:0.00}, features shuffled {mirrored:0.00}, layers 0, 1, 2 {early:0.00}");
        Assert.True(right >= DraftCheck.Healthy, $"{right:0.00}");
        Assert.True(mirrored < DraftCheck.Healthy, $"{mirrored:0.00}");

        // The first layers of so small a model say much of what the middle ones do: that is seen beside the right ones, and not by a floor.
        Assert.True(early < 0.9 * right, $"{early:0.00} and {right:0.00}");
    }

    private static double Check(string directory, Transformer target, IKernels kernels)
    {
        using DraftHead head = DraftHead.Load(directory, target, kernels);
        List<int[]> prompts =
            [.. File.ReadLines(Path.Combine(Model, "greedy.jsonl")).Take(6).Select(line => JsonNode.Parse(line)!["prompt_ids"]!.AsArray().Select(id => (int)id!).ToArray())];
        return head.Check(prompts, [.. GenerationConfig.Read(Model).EosTokenIds], 48, TimeProvider.System, TimeSpan.FromMinutes(1)).Acceptance;
    }

    private static void Copy(string directory, Action<JsonNode> config, Action<byte[]> weights)
    {
        JsonNode json = JsonNode.Parse(File.ReadAllText(Path.Combine(Head, "config.json")))!;
        config(json);
        File.WriteAllText(Path.Combine(directory, "config.json"), json.ToJsonString());
        byte[] bytes = File.ReadAllBytes(Path.Combine(Head, "model.safetensors"));
        weights(bytes);
        File.WriteAllBytes(Path.Combine(directory, "model.safetensors"), bytes);
    }

    /// <summary>Turns the rows of the layer that fuses the states around: every feature meets another's weight.</summary>
    private static void MirrorFuse(byte[] file)
    {
        int header = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        JsonNode tensor = JsonNode.Parse(file.AsSpan(sizeof(long), header))!["fc.weight"]!;
        int start = sizeof(long) + header + (int)tensor["data_offsets"]![0]!, width = (int)tensor["shape"]![1]!;
        Span<ushort> values = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ushort>(
            file.AsSpan(start, (int)tensor["data_offsets"]![1]! - (int)tensor["data_offsets"]![0]!));
        for (int row = 0; row < values.Length; row += width)
            values.Slice(row, width).Reverse();
    }
}
