using System.Text.Json.Nodes;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>An EAGLE-3 head with random weights for a model: it loads, and knows nothing.</summary>
internal static class RandomHead
{
    /// <summary>Writes its directory, in SafeAILab's layout.</summary>
    public static string Write(string directory, Transformer model)
    {
        ModelConfig target = model.Config;
        int hidden = target.HiddenSize, heads = target.Heads * target.HeadDim, keys = target.KvHeads * target.HeadDim, width = 2 * hidden;
        JsonObject config = new()
        {
            ["architectures"] = new JsonArray("LlamaForCausalLMEagle3"),
            ["model_type"] = "llama",
            ["vocab_size"] = target.VocabularySize,
            ["hidden_size"] = hidden,
            ["intermediate_size"] = width,
            ["num_hidden_layers"] = 1,
            ["num_attention_heads"] = target.Heads,
            ["num_key_value_heads"] = target.KvHeads,
            ["head_dim"] = target.HeadDim,
            ["max_position_embeddings"] = target.MaxPositions,
            ["rms_norm_eps"] = 1e-6,
            ["hidden_act"] = "silu",
            ["eagle_config"] = new JsonObject { ["eagle_aux_hidden_state_layer_ids"] = new JsonArray(1, target.Layers / 2, target.Layers - 1) },
        };
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "config.json"), config.ToJsonString());
        var random = new Random(7);
        List<(string Name, int[] Shape, float[] Values)> tensors =
        [
            Tensor("fc.weight", hidden, 3 * hidden), Tensor("midlayer.input_layernorm.weight", hidden), Tensor("midlayer.hidden_norm.weight", hidden),
            Tensor("midlayer.post_attention_layernorm.weight", hidden), Tensor("midlayer.self_attn.q_proj.weight", heads, 2 * hidden),
            Tensor("midlayer.self_attn.k_proj.weight", keys, 2 * hidden), Tensor("midlayer.self_attn.v_proj.weight", keys, 2 * hidden),
            Tensor("midlayer.self_attn.o_proj.weight", hidden, heads), Tensor("midlayer.mlp.gate_proj.weight", width, hidden),
            Tensor("midlayer.mlp.up_proj.weight", width, hidden), Tensor("midlayer.mlp.down_proj.weight", hidden, width), Tensor("norm.weight", hidden),
            Tensor("lm_head.weight", target.VocabularySize, hidden),
        ];

        File.WriteAllBytes(Path.Combine(directory, "model.safetensors"), Safetensors.Bytes(tensors));
        return directory;

        (string, int[], float[]) Tensor(string name, params int[] shape)
        {
            float[] values = new float[shape.Aggregate(1, (product, size) => product * size)];
            for (int i = 0; i < values.Length; i++)
                values[i] = shape.Length == 1 ? 1 : (float)((random.NextDouble() - 0.5) * (3 / Math.Sqrt(shape[^1])));
            return (name, shape, values);
        }
    }
}
