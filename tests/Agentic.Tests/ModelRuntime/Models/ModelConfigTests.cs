using System.Text.Json.Nodes;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>Every spelling of a configuration reads as the reference library reads it, and what is not computed here is refused.</summary>
public sealed class ModelConfigTests
{
    [Theory]
    [InlineData("LlamaForCausalLM", "{}", 8, 8, false, false)]
    [InlineData("LlamaForCausalLM", """{"num_key_value_heads":2,"head_dim":32,"attention_bias":true}""", 2, 32, true, false)]
    [InlineData("MistralForCausalLM", """{"attention_bias":true}""", 8, 8, false, false)]
    [InlineData("Qwen2ForCausalLM", """{"num_key_value_heads":null}""", 8, 8, true, false)]
    [InlineData("Qwen3ForCausalLM", """{"num_key_value_heads":4}""", 4, 128, false, true)]
    [InlineData("Qwen3MoeForCausalLM", "{}", 4, 8, false, true)]
    public void AbsentKeys_HaveTheArchitecturesDefaults(string architecture, string keys, int kvHeads, int headDim, bool bias, bool norms)
    {
        ModelConfig config = Read(architecture, keys);
        Assert.Equal((kvHeads, headDim, bias, norms), (config.KvHeads, config.HeadDim, config.QkvBias, config.QueryKeyNorm));
        Assert.Equal((1e-6f, false, 10_000d), (config.NormEpsilon, config.TiedEmbeddings, config.Rope.Theta));
    }

    [Theory]
    [InlineData("LlamaForCausalLM", """{"sliding_window":5}""", "0 0 0 0")]
    [InlineData("MistralForCausalLM", """{"sliding_window":5}""", "5 5 5 5")]
    [InlineData("MistralForCausalLM", """{"sliding_window":null}""", "0 0 0 0")]
    [InlineData("MistralForCausalLM", "{}", "4096 4096 4096 4096")]
    [InlineData("Qwen2ForCausalLM", """{"sliding_window":5,"use_sliding_window":false}""", "0 0 0 0")]
    [InlineData("Qwen2ForCausalLM", """{"sliding_window":5,"use_sliding_window":true,"max_window_layers":3}""", "0 0 0 5")]
    [InlineData("Qwen2ForCausalLM", """{"sliding_window":5,"use_sliding_window":true}""", "0 0 0 0")]
    [InlineData("Qwen3ForCausalLM", """{"use_sliding_window":true,"max_window_layers":2}""", "0 0 4096 4096")]
    [InlineData("Qwen3ForCausalLM", """{"sliding_window":null,"use_sliding_window":true,"max_window_layers":0}""", "0 0 0 0")]
    [InlineData("Qwen3ForCausalLM", """{"sliding_window":1,"use_sliding_window":true,"layer_types":["full_attention","sliding_attention","full_attention","sliding_attention"]}""", "0 1 0 1")]
    [InlineData("Qwen3MoeForCausalLM", """{"sliding_window":7,"use_sliding_window":true,"max_window_layers":2}""", "7 7 7 7")]
    [InlineData("Qwen3MoeForCausalLM", """{"sliding_window":7}""", "0 0 0 0")]
    public void SlidingWindows_AreEachArchitecturesOwn(string architecture, string keys, string windows) =>
        Assert.Equal(windows, string.Join(' ', Read(architecture, keys + "").SlidingWindows));

    [Theory]
    [InlineData("""{"rope_theta":500000,"rope_scaling":{"type":"linear","factor":2}}""")]
    [InlineData("""{"rope_parameters":{"rope_type":"linear","factor":2.0,"rope_theta":5e5}}""")]
    [InlineData("""{"rope_theta":500000.0,"rope_scaling":{"rope_type":"linear","type":"yarn","factor":2},"rope_parameters":{"rope_type":"default"}}""")]
    public void OlderAndNewerRopeSpelling_AreOne(string keys) =>
        Assert.Equal(new RopeConfig(RopeScaling.Linear, 500_000) { Factor = 2 }, Read("LlamaForCausalLM", keys).Rope);

    [Fact]
    public void Yarn_ReadsAllItsKeys()
    {
        RopeConfig plain = Read("Qwen2ForCausalLM", """{"rope_scaling":{"type":"yarn","factor":4.0,"original_max_position_embeddings":64}}""").Rope;
        Assert.Equal((4d, 64, 32d, 1d, true), (plain.Factor, plain.OriginalPositions, plain.BetaFast, plain.BetaSlow, plain.Truncate));
        Assert.Equal((0.1 * Math.Log(4)) + 1, plain.AttentionFactor, 12);

        RopeConfig full = Read("Qwen3ForCausalLM", """
            {"max_position_embeddings":512,"original_max_position_embeddings":128,"rope_parameters":{"rope_type":"yarn","factor":null,
             "original_max_position_embeddings":64,"mscale":0.5,"mscale_all_dim":2,"beta_fast":16,"beta_slow":2,"truncate":false}}
            """).Rope;
        Assert.Equal((4d, 128, 16d, 2d, false), (full.Factor, full.OriginalPositions, full.BetaFast, full.BetaSlow, full.Truncate));
        Assert.Equal(((0.05 * Math.Log(4)) + 1) / ((0.2 * Math.Log(4)) + 1), full.AttentionFactor, 12);

        RopeConfig given = Read("Qwen3ForCausalLM", """{"rope_scaling":{"type":"yarn","factor":4,"attention_factor":1.25,"mscale":3,"mscale_all_dim":1}}""").Rope;
        Assert.Equal((1.25, 32768), (given.AttentionFactor, given.OriginalPositions));
    }

    [Fact]
    public void Experts_ReadBothSpellings()
    {
        ExpertConfig newer = Read("Qwen3MoeForCausalLM", """{"num_local_experts":8,"num_experts_per_tok":2}""").Experts!;
        ExpertConfig older = Read("Qwen3MoeForCausalLM", """{"num_experts":6,"num_experts_per_tok":3,"norm_topk_prob":true,"decoder_sparse_step":2,"mlp_only_layers":[1]}""").Experts!;

        Assert.Equal((8, 2, 768, false), (newer.Count, newer.PerToken, newer.IntermediateSize, newer.Normalize));
        Assert.Equal([true, true, true, true], Enumerable.Range(0, 4).Select(newer.InLayer));
        Assert.Equal((6, 3, true), (older.Count, older.PerToken, older.Normalize));
        Assert.Equal([false, false, false, true], Enumerable.Range(0, 4).Select(older.InLayer));
    }

    [Theory]
    [InlineData("GPT2LMHeadModel", "{}", "architecture GPT2LMHeadModel is not supported; supported are LlamaForCausalLM,")]
    [InlineData("LlamaForCausalLM", """{"hidden_act":"gelu"}""", "hidden_act \"gelu\"")]
    [InlineData("LlamaForCausalLM", """{"quantization_config":{"quant_method":"gptq"}}""", "quantized")]
    [InlineData("LlamaForCausalLM", """{"rope_scaling":{"type":"longrope","short_factor":[1]}}""", "rope type \"longrope\"")]
    [InlineData("LlamaForCausalLM", """{"rope_scaling":{"type":"linear"}}""", "lacks \"factor\"")]
    [InlineData("LlamaForCausalLM", """{"rope_scaling":{"type":"linear","factor":0}}""", "should be above 0")]
    [InlineData("LlamaForCausalLM", """{"rope_theta":0}""", "rope_theta is 0")]
    [InlineData("LlamaForCausalLM", """{"partial_rotary_factor":0.5}""", "partial_rotary_factor")]
    [InlineData("LlamaForCausalLM", """{"num_key_value_heads":3}""", "no multiple")]
    [InlineData("LlamaForCausalLM", """{"head_dim":15}""", "should be even")]
    [InlineData("LlamaForCausalLM", """{"hidden_size":"64"}""", "\"hidden_size\" is \"64\" and should be a whole number")]
    [InlineData("LlamaForCausalLM", """{"hidden_size":null}""", "lacks \"hidden_size\"")]
    [InlineData("LlamaForCausalLM", """{"num_hidden_layers":0}""", "should be above 0")]
    [InlineData("MistralForCausalLM", """{"sliding_window":0}""", "should be above 0")]
    [InlineData("Qwen3ForCausalLM", """{"num_key_value_heads":4,"layer_types":["full_attention"]}""", "names 1 layers")]
    [InlineData("Qwen3ForCausalLM", """{"num_key_value_heads":4,"layer_types":["full_attention","full_attention","full_attention","sliding_attention"]}""", "use_sliding_window")]
    [InlineData("Qwen3ForCausalLM", """{"num_key_value_heads":4,"layer_types":["full_attention","full_attention","full_attention","linear_attention"]}""", "linear_attention")]
    [InlineData("Qwen3MoeForCausalLM", """{"num_experts":4,"num_experts_per_tok":5}""", "num_experts_per_tok is 5")]
    public void WhatIsNotComputed_IsRefused(string architecture, string keys, string fault)
    {
        ModelLoadException error = Assert.Throws<ModelLoadException>(() => Read(architecture, keys));
        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
        Assert.Contains("config.json", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void ModelType_StandsInForTheArchitecture()
    {
        using TemporaryDirectory directory = new();
        JsonObject json = Base("x");
        json.Remove("architectures");
        json["model_type"] = "qwen3";
        json["num_key_value_heads"] = 8;
        File.WriteAllText(directory["config.json"], json.ToJsonString());
        Assert.Equal("Qwen3ForCausalLM", ModelConfig.Read(directory["config.json"]).Architecture);

        json.Remove("model_type");
        File.WriteAllText(directory["config.json"], json.ToJsonString());
        Assert.Throws<ModelLoadException>(() => ModelConfig.Read(directory["config.json"]));

        File.WriteAllText(directory["config.json"], "[1]");
        Assert.Throws<ModelLoadException>(() => ModelConfig.Read(directory["config.json"]));
        File.WriteAllText(directory["config.json"], "{");
        Assert.Throws<ModelLoadException>(() => ModelConfig.Read(directory["config.json"]));
    }

    [Fact]
    public void GenerationDefaults_FallBackToTheModels()
    {
        using TemporaryDirectory directory = new();
        Assert.Equivalent(new GenerationConfig(), GenerationConfig.Read(directory.Path));

        File.WriteAllText(directory["config.json"], """{"eos_token_id":2,"bos_token_id":1,"pad_token_id":null}""");
        Assert.Equal([2], GenerationConfig.Read(directory.Path).EosTokenIds);

        File.WriteAllText(directory["generation_config.json"], """{"eos_token_id":[3,4],"do_sample":false,"temperature":0.5,"top_p":1,"top_k":20,"max_new_tokens":9}""");
        GenerationConfig config = GenerationConfig.Read(directory.Path);
        Assert.Equal([3, 4], config.EosTokenIds);
        Assert.Equal((1, null, false, 0.5f, 1f, 20, null, null, 9),
            (config.BosTokenId, config.PadTokenId, config.DoSample, config.Temperature, config.TopP, config.TopK, config.MinP, config.RepetitionPenalty, config.MaxNewTokens));

        File.WriteAllText(directory["generation_config.json"], """{"temperature":"warm"}""");
        Assert.Contains("\"temperature\" is \"warm\"", Assert.Throws<ModelLoadException>(() => GenerationConfig.Read(directory.Path)).Message, StringComparison.Ordinal);
    }

    private static ModelConfig Read(string architecture, string keys)
    {
        using TemporaryDirectory directory = new();
        JsonObject json = Base(architecture);
        foreach ((string key, JsonNode? value) in JsonNode.Parse(keys)!.AsObject())
            json[key] = value?.DeepClone();
        if (architecture is "Qwen2ForCausalLM" or "Qwen3ForCausalLM" && !json.ContainsKey("num_key_value_heads"))
            json["num_key_value_heads"] = 8;
        File.WriteAllText(directory["config.json"], json.ToJsonString());
        return ModelConfig.Read(directory["config.json"]);
    }

    private static JsonObject Base(string architecture) => new()
    {
        ["architectures"] = new JsonArray(architecture),
        ["vocab_size"] = 320,
        ["hidden_size"] = 64,
        ["intermediate_size"] = 160,
        ["num_hidden_layers"] = 4,
        ["num_attention_heads"] = 8,
    };
}
