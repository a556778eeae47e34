using System.Text.Json;
using System.Text.Json.Nodes;

namespace Agentic.ModelRuntime;

/// <summary>Which published layout a head is written in; the architecture follows from what the layout can say.</summary>
public enum HeadLayout
{
    /// <summary>SafeAILab's names (midlayer.*), which say no switches: plain EAGLE-3, as every server reads it.</summary>
    SafeAILab,

    /// <summary>That of speculators (vLLM), with the switches of EAGLE-3.1: a norm for each state, the state fed back after the final norm.</summary>
    Speculators,
}

/// <summary>A head's config.json and model.safetensors.</summary>
internal static class HeadFiles
{
    private const string Config = "config.json", Weights = "model.safetensors";
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
    private static readonly string[] Inherited =
    [
        "vocab_size", "hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim", "max_position_embeddings", "rms_norm_eps",
        "rope_theta", "rope_scaling", "rope_parameters", "original_max_position_embeddings", "bos_token_id", "eos_token_id", "pad_token_id",
    ];

    /// <summary>Writes the configuration of a head, and reads it back as any reader will.</summary>
    public static EagleConfig WriteConfig(
        string directory, string targetDirectory, ModelConfig target, EagleTrainingOptions options, int[] boundaries, int draftVocabulary)
    {
        JsonObject source = JsonNode.Parse(File.ReadAllText(Path.Combine(targetDirectory, Config)))!.AsObject();
        JsonObject layer = new()
        {
            ["architectures"] = new JsonArray("LlamaForCausalLM"),
            ["model_type"] = "llama",
            ["hidden_act"] = "silu",
            ["num_hidden_layers"] = 1,
            ["intermediate_size"] = options.IntermediateSize ?? (target.Experts is null ? target.IntermediateSize : 3 * target.HiddenSize),
            ["attention_bias"] = false,
            ["mlp_bias"] = false,
            ["tie_word_embeddings"] = false,
        };
        foreach (string key in Inherited)
        {
            if (source[key] is JsonNode value)
                layer[key] = value.DeepClone();
        }

        // Readers before transformers 5 look for it here only.
        if (layer["rope_theta"] is null && source["rope_parameters"]?["rope_theta"] is JsonNode theta)
            layer["rope_theta"] = theta.DeepClone();
        layer["head_dim"] = target.HeadDim;
        layer["num_key_value_heads"] = target.KvHeads;
        layer["torch_dtype"] = options.BFloat16 ? "bfloat16" : "float32";

        JsonObject config = options.Layout == HeadLayout.SafeAILab
            ? SafeAILab(layer, target, boundaries, draftVocabulary)
            : Speculators(
                layer, target, boundaries, draftVocabulary, options.DraftSteps,
                Path.GetFileName(Path.TrimEndingDirectorySeparator(targetDirectory)));
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, Config), config.ToJsonString(Indented) + "\n");
        return EagleConfig.Read(Path.Combine(directory, Config), target);
    }

    /// <summary>Writes the weights.</summary>
    public static void WriteWeights(string directory, TorchHead head, DraftVocabulary vocabulary, HeadLayout layout, bool bfloat16) =>
        SafetensorsWriter.Write(Path.Combine(directory, Weights),
        [
            .. vocabulary.Tensors(),
            .. head.Parameters.Select(pair => TorchTensors.Save(
                layout == HeadLayout.SafeAILab ? pair.Key.Replace("layers.0.", "midlayer.", StringComparison.Ordinal) : pair.Key,
                pair.Value, bfloat16)),
        ]);

    /// <summary>Copies a head over what was there.</summary>
    public static void Copy(string from, string to)
    {
        foreach (string name in (ReadOnlySpan<string>)[Config, Weights])
        {
            string unfinished = Path.Combine(to, name + ".part");
            File.Copy(Path.Combine(from, name), unfinished, overwrite: true);
            File.Move(unfinished, Path.Combine(to, name), overwrite: true);
        }
    }

    private static JsonObject SafeAILab(JsonObject layer, ModelConfig target, int[] boundaries, int draftVocabulary)
    {
        layer["architectures"] = new JsonArray("LlamaForCausalLMEagle3");
        layer["draft_vocab_size"] = draftVocabulary;

        // vLLM reads boundaries beside the layer's shape, SGLang the layers before them in eagle_config; by default both take the usual ones.
        if (!boundaries.AsSpan().SequenceEqual(EagleTrainer.UsualBoundaries(target.Layers)))
        {
            layer["eagle_aux_hidden_state_layer_ids"] = Ids(boundaries);
            layer["eagle_config"] = new JsonObject
            {
                ["eagle_aux_hidden_state_layer_ids"] = Ids(boundaries.Select(boundary => boundary - 1)),
                ["use_aux_hidden_state"] = true,
            };
        }

        return layer;
    }

    private static JsonObject Speculators(
        JsonObject layer, ModelConfig target, int[] boundaries, int draftVocabulary, int draftSteps, string targetName)
    {
        JsonObject proposal = new()
        {
            ["proposal_type"] = "greedy",
            ["speculative_tokens"] = draftSteps,
            ["verifier_accept_k"] = 1,
            ["accept_tolerance"] = 0.0,
        };
        return new JsonObject
        {
            ["architectures"] = new JsonArray("Eagle3Speculator"),
            ["speculators_model_type"] = "eagle3",
            ["speculators_version"] = "0.9.0",
            ["draft_vocab_size"] = draftVocabulary,
            ["target_hidden_size"] = target.HiddenSize,
            ["eagle_aux_hidden_state_layer_ids"] = Ids(boundaries),
            ["norm_before_residual"] = false,
            ["norm_before_fc"] = false,
            ["fc_norm"] = true,
            ["norm_output"] = true,
            ["embed_requires_grad"] = false,
            ["tie_word_embeddings"] = false,
            ["torch_dtype"] = layer["torch_dtype"]!.DeepClone(),
            ["speculators_config"] = new JsonObject
            {
                ["algorithm"] = "eagle3",
                ["default_proposal_method"] = "greedy",
                ["proposal_methods"] = new JsonArray(proposal),
                ["verifier"] = new JsonObject { ["name_or_path"] = targetName, ["architectures"] = new JsonArray(target.Architecture) },
            },
            ["transformer_layer_config"] = layer,
        };
    }

    private static JsonArray Ids(IEnumerable<int> layers) => new([.. layers.Select(layer => (JsonNode)layer)]);
}
