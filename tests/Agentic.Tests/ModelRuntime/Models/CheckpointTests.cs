using System.Globalization;
using System.Text.Json.Nodes;
using Agentic.Kernels;
using Agentic.ModelRuntime;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>Directories that cannot be served say why in one line; sharding and storage change nothing else.</summary>
public sealed class CheckpointTests
{
    private const string Sharded = "llama3-tied-sharded";

    [Fact]
    public void WrongDirectory_IsNamedWithTheRemedy()
    {
        using TemporaryDirectory directory = new();
        AssertRefused(directory["absent"], "does not exist");
        AssertRefused(directory.Path, "has no config.json");
        File.WriteAllText(directory["config.json"], "{}");
        AssertRefused(directory["config.json"], "is a file");
        AssertRefused(directory.Path, "neither model.safetensors nor");
        File.WriteAllText(directory["pytorch_model.bin"], "");
        AssertRefused(directory.Path, "no zip archive");
        File.WriteAllText(directory["model.safetensors"], "");
        AssertRefused(directory.Path, "model.safetensors has 0 bytes");
    }

    [Fact]
    public void DamagedIndex_IsRefused()
    {
        Damage(index => index.Remove("weight_map"), "lacks \"weight_map\"");
        Damage(index => index["weight_map"] = 3, "should be an object");
        Damage(index => Map(index)["model.norm.weight"] = "model-00009-of-00009.safetensors", "which is absent");
        Damage(index => Map(index)["model.norm.weight"] = "../model.safetensors", "not a file name");
        Damage(index => Map(index)["model.norm.weight"] = null, "names no file");
        Damage(index => Map(index)["model.norm.weight"] = "model-00001-of-00004.safetensors", "does not hold it");
        Damage(index => Map(index)["model.extra.weight"] = "model-00001-of-00004.safetensors", "does not hold it");
        Damage(index => Map(index).Remove("model.norm.weight"), "lacks the tensor model.norm.weight");

        static JsonObject Map(JsonObject index) => index["weight_map"]!.AsObject();

        static void Damage(Action<JsonObject> change, string fault)
        {
            using TemporaryDirectory directory = CopyOf(Sharded);
            JsonObject index = JsonNode.Parse(File.ReadAllText(directory["model.safetensors.index.json"]))!.AsObject();
            change(index);
            File.WriteAllText(directory["model.safetensors.index.json"], index.ToJsonString());
            AssertRefused(directory.Path, fault);
        }
    }

    [Fact]
    public void AbsentShard_IsNamed()
    {
        using TemporaryDirectory directory = CopyOf(Sharded);
        File.Delete(directory["model-00003-of-00004.safetensors"]);
        AssertRefused(directory.Path, "model-00003-of-00004.safetensors, which is absent");
    }

    [Fact]
    public void ConfigurationOfAnotherModel_IsRefused()
    {
        Change(config => config["num_hidden_layers"] = 5, "lacks the tensor model.layers.4");
        Change(config => config["intermediate_size"] = 200, "has the shape [192, 96] and config.json demands [200, 96]");
        Change(config => config["vocab_size"] = 300, "tensor model.embed_tokens.weight has the shape [320, 96]");
        Change(config => config["attention_bias"] = true, "lacks the tensor model.layers.0.self_attn.q_proj.bias");
        Change(config => config["tie_word_embeddings"] = false, "tie_word_embeddings");

        static void Change(Action<JsonObject> change, string fault)
        {
            using TemporaryDirectory directory = CopyOf(Sharded);
            JsonObject config = JsonNode.Parse(File.ReadAllText(directory["config.json"]))!.AsObject();
            change(config);
            File.WriteAllText(directory["config.json"], config.ToJsonString());
            AssertRefused(directory.Path, fault);
        }
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}} """, "is I32")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "misaligned")]
    public void TensorThatCannotBeComputedWith_IsRefused(string header, string fault)
    {
        using TemporaryDirectory directory = new();
        File.WriteAllText(directory["config.json"], "{}");
        File.WriteAllBytes(directory["model.safetensors"], Safetensors.Bytes(header, new byte[4]));
        using Checkpoint checkpoint = Checkpoint.Open(directory.Path);

        ModelLoadException error = Assert.Throws<ModelLoadException>(() => checkpoint.Get("a", 1));

        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("qwen3-head-dim")]
    [InlineData("llama-bf16")]
    public unsafe void WeightsOfASmallModel_AreCopiedToLinesOfTheirOwn_AndOfALargeOneNot(string name)
    {
        string path = TestFiles.Golden("models", name);
        ModelConfig config = ModelConfig.Read(Path.Combine(path, "config.json"));
        using Checkpoint small = Checkpoint.Open(path), large = Checkpoint.Open(path, mostCopied: 0);
        TransformerWeights copied = TransformerWeights.Load(small, config), mapped = TransformerWeights.Load(large, config);

        Assert.All(copied.Layers, layer => Assert.NotNull(layer.QueryKeyValue));
        foreach ((LayerWeights copy, LayerWeights original) in copied.Layers.Zip(mapped.Layers))
        {
            foreach ((Weight one, Weight other) in (ReadOnlySpan<(Weight, Weight)>)
                [(copy.Query.Weight, original.Query.Weight), (copy.Key.Weight, original.Key.Weight), (copy.Dense!.Down.Weight, original.Dense!.Down.Weight)])
            {
                Assert.Equal(0, one.Data % 64);
                Assert.NotEqual(one.Data, other.Data);
                Assert.Equal(small.Stored(one.Name).Data - small.Stored(copy.InputNorm.Name).Data, other.Data - original.InputNorm.Data);
                Assert.True(new ReadOnlySpan<byte>(one.Pointer, (int)one.Bytes).SequenceEqual(new ReadOnlySpan<byte>(other.Pointer, (int)other.Bytes)));
            }
        }
    }

    [Fact]
    public void WhatIsCopied_DoesNotStayInMemoryTwice()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Reads /proc.");
        using TemporaryDirectory directory = new();
        foreach (string path in Directory.GetFiles(BundledModel.Directory!))
            File.Copy(path, directory[Path.GetFileName(path)]);
        string weights = directory["model.safetensors"];
        using CpuKernels kernels = new();
        using Transformer model = Transformer.Load(directory.Path, new ModelOptions(), kernels);

        string[] maps = File.ReadAllLines("/proc/self/smaps");
        int map = Array.FindIndex(maps, line => line.EndsWith(weights, StringComparison.Ordinal));
        string resident = maps.Skip(map).First(line => line.StartsWith("Rss:", StringComparison.Ordinal));

        Assert.InRange(int.Parse(resident.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture), 0, 1024);
        Assert.InRange(new FileInfo(weights).Length, 4 << 20, long.MaxValue);
    }

    [Fact]
    public void LinkedFiles_AreFollowed()
    {
        using TemporaryDirectory directory = new();
        foreach (string path in Directory.GetFiles(TestFiles.Golden("models", "llama-bf16")))
            File.CreateSymbolicLink(directory[Path.GetFileName(path)], path);
        using Checkpoint checkpoint = Checkpoint.Open(directory.Path);
        Assert.Equal([320, 64], checkpoint.Get("lm_head.weight", 320, 64).Shape);
    }

    [Fact]
    public unsafe void BFloat16_RoundsToNearestEven()
    {
        using TemporaryDirectory directory = new();
        float[] values = [1f, 1.00390625f, 1.01171875f, 1.00390637f, float.NaN, float.PositiveInfinity, -3.3895314e38f, 1e-40f];
        File.WriteAllText(directory["config.json"], "{}");
        File.WriteAllBytes(directory["model.safetensors"], Safetensors.Bytes([("a", [8], values)]));
        using Checkpoint checkpoint = Checkpoint.Open(directory.Path, ModelStorage.BFloat16);

        Weight weight = checkpoint.Get("a", 8);

        Assert.Equal(ElementType.BFloat16, weight.Type);
        ushort[] bits = new ReadOnlySpan<ushort>(weight.Pointer, 8).ToArray();
        Assert.Equal([0x3F80, 0x3F80, 0x3F82, 0x3F81], bits[..4]);
        Assert.True(float.IsNaN(BitConverter.Int32BitsToSingle(bits[4] << 16)));
        Assert.Equal([0x7F80, 0xFF7F, 0x0001], bits[5..]);
    }

    [Fact]
    public void Fingerprint_IsOfTheWeightsAndNotOfTheirFiles()
    {
        using TemporaryDirectory copy = CopyOf("llama-bf16"), changed = CopyOf("llama-bf16"), config = CopyOf("llama-bf16");
        byte[] weights = File.ReadAllBytes(changed["model.safetensors"]);
        weights[^1] ^= 1;
        File.WriteAllBytes(changed["model.safetensors"], weights);
        File.WriteAllText(config["config.json"], File.ReadAllText(config["config.json"]).Replace("1e-05", "1e-06", StringComparison.Ordinal));
        string original = Fingerprint(TestFiles.Golden("models", "llama-bf16"));

        Assert.Equal(32, original.Length);
        Assert.Equal(original, Fingerprint(copy.Path));
        Assert.NotEqual(original, Fingerprint(changed.Path));
        Assert.NotEqual(original, Fingerprint(config.Path));

        static string Fingerprint(string directory)
        {
            using IdleKernels kernels = new();
            using Transformer model = Transformer.Load(directory, new ModelOptions(), kernels);
            return model.Fingerprint;
        }
    }

    private static void AssertRefused(string directory, string fault)
    {
        using IdleKernels kernels = new();
        ModelLoadException error = Assert.Throws<ModelLoadException>(() => Transformer.Load(directory, new ModelOptions(), kernels));
        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(directory, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    private static TemporaryDirectory CopyOf(string name)
    {
        TemporaryDirectory directory = new();
        foreach (string path in Directory.GetFiles(TestFiles.Golden("models", name)))
            File.Copy(path, directory[Path.GetFileName(path)]);
        return directory;
    }
}
