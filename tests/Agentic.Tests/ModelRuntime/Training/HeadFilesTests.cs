using System.Text.Json.Nodes;
using Agentic.Kernels;
using Agentic.ModelRuntime;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>What is written holds what the readers of vLLM and SGLang ask for by name.</summary>
public sealed class HeadFilesTests : IDisposable
{
    // Both: the layer's shape, read as a Llama configuration; without draft_vocab_size they would take the target's head.
    private static readonly string[] Shape =
    [
        "vocab_size", "hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads", "head_dim", "num_hidden_layers", "hidden_act",
        "rms_norm_eps", "rope_theta", "max_position_embeddings", "attention_bias", "mlp_bias",
    ];

    private static readonly (string Name, int[] Shape)[] Layer =
    [
        ("input_layernorm", [256]), ("hidden_norm", [256]), ("post_attention_layernorm", [256]), ("self_attn.q_proj", [256, 512]),
        ("self_attn.k_proj", [128, 512]), ("self_attn.v_proj", [128, 512]), ("self_attn.o_proj", [256, 256]), ("mlp.gate_proj", [384, 256]),
        ("mlp.up_proj", [384, 256]), ("mlp.down_proj", [256, 384]),
    ];

    private static readonly (string Name, int[] Shape)[] Around =
    [
        ("fc", [256, 3 * 256]), ("fc_norm.0", [256]), ("fc_norm.1", [256]), ("fc_norm.2", [256]), ("norm", [256]), ("lm_head", [1024, 256]),
    ];

    private static readonly string Model = Path.Combine(TestFiles.Root, "models", BundledModel.Name);
    private readonly TemporaryDirectory _directory = new();
    private readonly CpuKernels _kernels = new();
    private readonly Transformer _target;

    public HeadFilesTests() => _target = Transformer.Load(Model, new ModelOptions(), _kernels);

    public void Dispose()
    {
        _target.Dispose();
        _kernels.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void SafeAILab_HasWhatBothServersRead()
    {
        JsonObject config = Write(HeadLayout.SafeAILab, [2, 4, 5]);

        Assert.Equal("LlamaForCausalLMEagle3", (string?)config["architectures"]![0]);
        Assert.All([.. Shape, "draft_vocab_size", "tie_word_embeddings"], key => Assert.NotNull(config[key]));
        Assert.False((bool)config["tie_word_embeddings"]!);
        Assert.Equal((1, 1024), ((int)config["num_hidden_layers"]!, (int)config["draft_vocab_size"]!));
        Assert.All(["eagle_config", "eagle_aux_hidden_state_layer_ids", "bias", "fc_norm", "norm_output"], key => Assert.False(config.ContainsKey(key)));
    }

    [Fact]
    public void OtherBoundaries_AreSpelledOutAsEachServerReadsThem()
    {
        JsonObject config = Write(HeadLayout.SafeAILab, [1, 3, 7]);

        Assert.Equal([1, 3, 7], Ids(config));
        Assert.Equal([0, 2, 6], Ids(config["eagle_config"]!));
        Assert.True((bool)config["eagle_config"]!["use_aux_hidden_state"]!);
        Assert.Equal([1, 3, 7], EagleConfig.Read(_directory["config.json"], _target.Config).Boundaries);
    }

    [Fact]
    public void Speculators_HasWhatVllmReads()
    {
        JsonObject config = Write(HeadLayout.Speculators, [1, 3, 7]);

        Assert.Equal("eagle3", (string?)config["speculators_model_type"]);
        Assert.All(Shape, key => Assert.NotNull(config["transformer_layer_config"]![key]));
        Assert.Equal("llama", (string?)config["transformer_layer_config"]!["model_type"]);
        Assert.Equal([1, 3, 7], Ids(config));
        Assert.Equal((1024, 256), ((int)config["draft_vocab_size"]!, (int)config["target_hidden_size"]!));
        Assert.Equal(
            [false, false, true, true],
            new[] { "norm_before_residual", "norm_before_fc", "fc_norm", "norm_output" }.Select(key => (bool)config[key]!));
        JsonNode speculators = config["speculators_config"]!;
        Assert.True((int)speculators["proposal_methods"]![0]!["speculative_tokens"]! > 0);
        Assert.NotNull((string?)speculators["verifier"]!["name_or_path"]);
    }

    [Fact]
    public void BundledWeights_AreWhatIsReadAndNoMore()
    {
        using var file = SafetensorsFile.Open(Path.Combine(Model + "-eagle3", "model.safetensors"));
        Dictionary<string, int[]> expected = Layer.Select(tensor => ("layers.0." + tensor.Name, tensor.Shape)).Concat(Around)
            .ToDictionary(tensor => tensor.Item1 + ".weight", tensor => tensor.Item2);
        (expected["d2t"], expected["t2d"]) = ([1024], [4096]);

        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), file.Entries.Keys.Order(StringComparer.Ordinal));
        Assert.All(expected, tensor => Assert.Equal(tensor.Value, file.Entries[tensor.Key].Shape));
    }

    private JsonObject Write(HeadLayout layout, int[] boundaries)
    {
        HeadFiles.WriteConfig(
            _directory.Path, Model, _target.Config, new EagleTrainingOptions { Layout = layout, IntermediateSize = 384 }, boundaries, 1024);
        return JsonNode.Parse(File.ReadAllText(_directory["config.json"]))!.AsObject();
    }

    private static int[] Ids(JsonNode config) => [.. config["eagle_aux_hidden_state_layer_ids"]!.AsArray().Select(id => (int)id!)];
}
