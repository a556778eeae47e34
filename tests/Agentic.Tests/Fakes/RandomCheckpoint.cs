using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary>A checkpoint with random weights of a random shape of an architecture, odd ones on purpose, in one file or in many.</summary>
internal static class RandomCheckpoint
{
    private static readonly string[] Architectures =
        ["LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "Qwen3MoeForCausalLM"];

    public static void Write(TemporaryDirectory directory, int seed)
    {
        Random random = new(seed);
        string architecture = Architectures[seed % Architectures.Length];
        int kvHeads = random.Next(1, 4), heads = kvHeads * random.Next(1, 4), headDim = 2 * random.Next(1, 12), layers = random.Next(1, 5);
        int hidden = random.Next(3, 40), width = random.Next(1, 50), vocabulary = random.Next(5, 60), expertWidth = random.Next(1, 20);
        bool tied = random.Next(2) == 0, bias = random.Next(2) == 0, stacked = random.Next(2) == 0;
        JsonObject config = new()
        {
            ["architectures"] = new JsonArray(architecture),
            ["vocab_size"] = vocabulary,
            ["hidden_size"] = hidden,
            ["intermediate_size"] = width,
            ["num_hidden_layers"] = layers,
            ["num_attention_heads"] = heads,
            ["num_key_value_heads"] = kvHeads,
            ["head_dim"] = headDim,
            ["max_position_embeddings"] = 256,
            ["rms_norm_eps"] = 1e-5,
            ["tie_word_embeddings"] = tied,
            ["attention_bias"] = bias,
            ["mlp_bias"] = bias,
            ["sliding_window"] = random.Next(1, 9),
            ["use_sliding_window"] = random.Next(2) == 0,
            ["max_window_layers"] = random.Next(layers + 1),
            ["rope_parameters"] = Rope(random),
            ["num_experts"] = 5,
            ["num_experts_per_tok"] = random.Next(1, 6),
            ["moe_intermediate_size"] = expertWidth,
            ["norm_topk_prob"] = random.Next(2) == 0,
            ["decoder_sparse_step"] = random.Next(1, 3),
            ["mlp_only_layers"] = random.Next(2) == 0 ? [] : new JsonArray(random.Next(layers)),
        };
        File.WriteAllText(directory["config.json"], config.ToJsonString());

        bool qwen2 = architecture == "Qwen2ForCausalLM", mistral = architecture == "MistralForCausalLM", llama = architecture == "LlamaForCausalLM";
        bool attentionBias = qwen2 || (bias && !mistral);
        List<(string Name, int[] Shape, float[] Values)> tensors = [];
        Add("model.embed_tokens.weight", vocabulary, hidden);
        Add("model.norm.weight", hidden);
        if (!tied)
            Add("lm_head.weight", vocabulary, hidden);
        for (int layer = 0; layer < layers; layer++)
        {
            string prefix = $"model.layers.{layer}.";
            Add(prefix + "input_layernorm.weight", hidden);
            Add(prefix + "post_attention_layernorm.weight", hidden);
            Project(prefix + "self_attn.q_proj", heads * headDim, hidden, attentionBias);
            Project(prefix + "self_attn.k_proj", kvHeads * headDim, hidden, attentionBias);
            Project(prefix + "self_attn.v_proj", kvHeads * headDim, hidden, attentionBias);
            Project(prefix + "self_attn.o_proj", hidden, heads * headDim, attentionBias && !qwen2);
            Add(prefix + "self_attn.q_norm.weight", headDim);
            Add(prefix + "self_attn.k_norm.weight", headDim);
            AddMlp(prefix + "mlp.", width, bias && llama);
            Add(prefix + "mlp.gate.weight", 5, hidden);
            if (stacked)
            {
                Add(prefix + "mlp.experts.gate_up_proj", 5, 2 * expertWidth, hidden);
                Add(prefix + "mlp.experts.down_proj", 5, hidden, expertWidth);
            }

            for (int expert = 0; expert < 5 && !stacked; expert++)
                AddMlp($"{prefix}mlp.experts.{expert}.", expertWidth, biased: false);
        }

        WriteFiles(directory, tensors, random.Next(1, 9));

        void AddMlp(string prefix, int intermediate, bool biased)
        {
            Project(prefix + "gate_proj", intermediate, hidden, biased);
            Project(prefix + "up_proj", intermediate, hidden, biased);
            Project(prefix + "down_proj", hidden, intermediate, biased);
        }

        void Project(string name, int outputs, int inputs, bool biased)
        {
            Add(name + ".weight", outputs, inputs);
            if (biased)
                Add(name + ".bias", outputs);
        }

        void Add(string name, params int[] shape)
        {
            float[] values = new float[shape.Aggregate(1, (product, size) => product * size)];
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)((random.NextDouble() - 0.5) * (shape.Length == 1 ? 2 : 3 / Math.Sqrt(shape[^1])));
            tensors.Add((name, shape, values));
        }
    }

    private static JsonObject Rope(Random random) => random.Next(4) switch
    {
        0 => new JsonObject { ["rope_type"] = "default", ["rope_theta"] = 10000.0 },
        1 => new JsonObject { ["rope_type"] = "linear", ["rope_theta"] = 5000, ["factor"] = 2 },
        2 => new JsonObject { ["rope_type"] = "yarn", ["rope_theta"] = 1e6, ["factor"] = 4.0, ["original_max_position_embeddings"] = 64 },
        _ => new JsonObject
        {
            ["rope_type"] = "llama3",
            ["rope_theta"] = 5e5,
            ["factor"] = 8,
            ["low_freq_factor"] = 1,
            ["high_freq_factor"] = 4,
            ["original_max_position_embeddings"] = 32,
        },
    };

    private static void WriteFiles(TemporaryDirectory directory, List<(string Name, int[] Shape, float[] Values)> tensors, int shards)
    {
        if (shards == 1)
        {
            File.WriteAllBytes(directory["model.safetensors"], Safetensors.Bytes(tensors));
            return;
        }

        JsonObject map = [];
        for (int shard = 0; shard < shards; shard++)
        {
            string file = $"model-{shard + 1:00000}-of-{shards:00000}.safetensors";
            var held = tensors.Where((_, i) => i % shards == shard).ToList();
            File.WriteAllBytes(directory[file], Safetensors.Bytes(held));
            foreach ((string name, _, _) in held)
                map[name] = file;
        }

        File.WriteAllText(directory["model.safetensors.index.json"], new JsonObject { ["weight_map"] = map }.ToJsonString());
    }
}
