using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>Draft heads of every published layout, against the reference library.</summary>
public sealed unsafe class EagleHeadTests : IDisposable
{
    private readonly CpuKernels _kernels = new();
    private readonly TemporaryDirectory _directory = new();

    public static TheoryData<string> Heads =>
        [.. Directory.GetDirectories(TestFiles.Golden("heads")).Select(path => Path.GetFileName(path)!)
            .Where(name => !name.StartsWith("target", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    public void Dispose()
    {
        _kernels.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [MemberData(nameof(Heads))]
    public void ChainsOfDraftSteps_HaveTheReferenceLogits(string name)
    {
        string directory = TestFiles.Golden("heads", name);
        (float[] expected, int[] shape) = Npy.ReadSingle(Path.Combine(directory, "logits.npy"));
        using Transformer target = Target(directory);
        using EagleHead head = EagleHead.Load(directory, target, _kernels, blockSize: 1);
        int[] ids = MemoryMarshal.Cast<byte, int>(File.ReadAllBytes(Path.Combine(TargetDirectory(directory), "ids.i32"))).ToArray();
        int steps = shape[0], count = shape[1], length = shape[2];
        Assert.Equal(length, head.Config.DraftVocabularySize);

        target.CaptureBoundaries(head.Config.Boundaries);
        new ModelDriver(target, count, seed: 1).RunChunks(ids.AsSpan(0, count), count);
        using NativeArray<float> hidden = new((long)count * head.HiddenSize);
        ITargetStates source = target;
        using NativeArray<float> states = new((long)count * source.StateSize);
        for (int row = 0; row < count; row++)
            source.CopyState(row, states.Data + ((long)row * source.StateSize));
        head.FuseStates(states.Data, count, hidden.Data);

        // Slot i holds the true pair i; row i's own draft steps have slots of their own behind those.
        head.AllocateKv(count * steps);
        var rows = new StepRows();
        for (int step = 0; step < steps; step++)
        {
            rows.Clear();
            if (step == 0)
                rows.AddChain(ids.AsSpan(1, count), 0, [.. Enumerable.Range(0, count)], 1, scoreLast: true, scoreAll: true);
            for (int row = 0; step > 0 && row < count; row++)
            {
                int token = row + 1 + step < ids.Length ? ids[row + 1 + step] : 0;
                int[] slots = [.. Enumerable.Range(0, row + 1), .. Enumerable.Range(1, step).Select(own => (own * count) + row)];
                rows.AddTree(token, [], [], [], row + step, slots, 1);
            }

            StepLogits logits = head.Forward(rows, hidden.Data, hidden.Data);
            float largest = expected.Max(MathF.Abs);
            for (int row = 0; row < count && row + 1 + step < ids.Length; row++)
            {
                for (int token = 0; token < length; token++)
                {
                    float wanted = expected[(((step * count) + row) * length) + token];
                    Assert.True(
                        MathF.Abs(wanted - logits[row][token]) <= 1e-4f * largest, $"step {step}, row {row}, token {token}: {logits[row][token]}, not {wanted}");
                }
            }
        }
    }

    [Fact]
    public void DraftVocabulary_IsMappedByItsOffsets()
    {
        string directory = TestFiles.Golden("heads", "eagle3-pickle");
        using Transformer target = Target(directory);
        using EagleHead head = EagleHead.Load(directory, target, _kernels);

        int[] tokens = [.. Enumerable.Range(0, head.Config.DraftVocabularySize).Select(head.TargetToken)];

        Assert.Equal(tokens.Distinct().Order(), tokens);
        Assert.InRange(tokens[^1], tokens.Length, target.VocabularySize - 1);
    }

    [Theory]
    [InlineData("vocab_size", 321, "made for another model")]
    [InlineData("target_hidden_size", 128, "made for another model")]
    [InlineData("hidden_size", 32, "lacks the tensor embed_tokens.weight")]
    [InlineData("draft_vocab_size", 199, "should be I64 or I32 [199]")]
    [InlineData("draft_vocab_size", 1000, "made for another model")]
    [InlineData("num_hidden_layers", 2, "one layer")]
    [InlineData("num_key_value_heads", 4, "config.json demands")]
    public void ConfigurationOfAnotherHead_IsRefusedWithTheReason(string key, int value, string reason) =>
        Assert.Contains(reason, Refusal("eagle3-pickle", config => config[key] = value), StringComparison.Ordinal);

    [Fact]
    public void Boundaries_MustBeTheModels()
    {
        Assert.Contains("should rise from 0 to the model's 8 layers", Refusal("eagle3-full-vocabulary", config => Ids(config)[2] = 9), StringComparison.Ordinal);
        Assert.Contains("should rise", Refusal("eagle3-full-vocabulary", config => Ids(config)[0] = 4), StringComparison.Ordinal);
        Assert.Contains("config.json demands", Refusal("eagle3-full-vocabulary", config => Ids(config).RemoveAt(0)), StringComparison.Ordinal);

        static JsonArray Ids(JsonObject config) => config["eagle_config"]!["eagle_aux_hidden_state_layer_ids"]!.AsArray();
    }

    [Fact]
    public void SpecForgesDefault_NamesTheLayersBeforeTheBoundaries()
    {
        string directory = Copy("eagle3-full-vocabulary", config =>
            config["eagle_config"]!["eagle_aux_hidden_state_layer_ids"] = new JsonArray(1, 3, 4));
        using Transformer target = Target(TestFiles.Golden("heads", "eagle3-full-vocabulary"));

        Assert.Equal([2, 4, 5], EagleConfig.Read(Path.Combine(directory, "config.json"), target.Config).Boundaries);
    }

    [Fact]
    public void DraftVocabularyWithoutMap_IsRefused() =>
        Assert.Contains("lacks the tensor d2t", Refusal("eagle3-full-vocabulary", config => config["draft_vocab_size"] = 300), StringComparison.Ordinal);

    [Fact]
    public void TensorTheConfigurationDoesNotHave_IsRefused() =>
        Assert.Contains("fc_norm.0.weight, which a head", Refusal("eagle31-speculators-qwen3", config => config["fc_norm"] = false), StringComparison.Ordinal);

    [Fact]
    public void WeightsThatAreNoNumbers_AreRefused()
    {
        string directory = Copy("eagle3-full-vocabulary", _ => { });
        byte[] bytes = File.ReadAllBytes(Path.Combine(directory, "model.safetensors"));
        BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 4), float.NaN);
        File.WriteAllBytes(Path.Combine(directory, "model.safetensors"), bytes);

        Assert.Contains("no numbers", LoadRefusal(directory, "eagle3-full-vocabulary"), StringComparison.Ordinal);
    }

    private string Refusal(string name, Action<JsonObject> change) => LoadRefusal(Copy(name, change), name);

    private string LoadRefusal(string directory, string name)
    {
        using Transformer target = Target(TestFiles.Golden("heads", name));
        return Assert.Throws<ModelLoadException>(() => EagleHead.Load(directory, target, _kernels)).Message;
    }

    private string Copy(string name, Action<JsonObject> change)
    {
        string from = TestFiles.Golden("heads", name), to = _directory[name];
        Directory.CreateDirectory(to);
        foreach (string file in Directory.GetFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)), overwrite: true);
        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(to, "config.json")))!.AsObject();
        change(config);
        File.WriteAllText(Path.Combine(to, "config.json"), config.ToJsonString());
        return to;
    }

    private Transformer Target(string head) => Transformer.Load(TargetDirectory(head), new ModelOptions(), _kernels);

    private static string TargetDirectory(string head) => TestFiles.Golden(
        "heads", JsonNode.Parse(File.ReadAllText(Path.Combine(head, "golden.json")))!["target"]!.GetValue<string>());
}
