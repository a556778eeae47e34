using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary>Predicted Outputs over HTTP.</summary>
public sealed class PredictionTests
{
    [Theory]
    [InlineData("abcdef", "abcdef", 6, 0)]
    [InlineData("abcdef", "abXdef", 5, 1)]
    [InlineData("abc", "xyz", 0, 3)]
    public async Task Usage_CountsWhatCameOfThePrediction(string prediction, string answer, int accepted, int rejected)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended(answer);

        JsonNode usage = (await host.JsonAsync("chat/completions", Ask($"\"{prediction}\"")))["usage"]!;

        // OpenAI bills what was predicted in vain: it is part of the completion's tokens.
        Assert.Equal(answer.Length + 1 + rejected, usage["completion_tokens"]!.GetValue<int>());
        Assert.Equal(usage["prompt_tokens"]!.GetValue<int>() + answer.Length + 1 + rejected, usage["total_tokens"]!.GetValue<int>());
        Assert.Equal(accepted, usage["completion_tokens_details"]!["accepted_prediction_tokens"]!.GetValue<int>());
        Assert.Equal(rejected, usage["completion_tokens_details"]!["rejected_prediction_tokens"]!.GetValue<int>());
        Assert.Equal(FakeCodec.Bytes(prediction), host.Engine.LastRequest.PredictionIds);
    }

    [Fact]
    public async Task Stream_EndsWithTheSameUsage()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended("abXdef");

        string[] events = await host.EventsAsync("chat/completions", Ask("\"abcdef\"", ",\"stream\":true,\"stream_options\":{\"include_usage\":true}"));

        JsonNode usage = JsonNode.Parse(events[^2])!["usage"]!;
        Assert.Equal(8, usage["completion_tokens"]!.GetValue<int>());
        Assert.Equal(5, usage["completion_tokens_details"]!["accepted_prediction_tokens"]!.GetValue<int>());
    }

    [Fact]
    public async Task Parts_AreOneText()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();

        await host.JsonAsync("chat/completions", Ask("""[{"type":"text","text":"ab"},{"type":"text","text":"cd"}]"""));

        Assert.Equal(FakeCodec.Bytes("abcd"), host.Engine.LastRequest.PredictionIds);
    }

    [Theory]
    [InlineData("\"x\"", ",\"n\":2", "n", "unsupported_parameter")]
    [InlineData("\"x\"", ",\"logprobs\":true", "logprobs", "unsupported_parameter")]
    [InlineData("\"x\"", ",\"presence_penalty\":0.1", "presence_penalty", "unsupported_parameter")]
    [InlineData("\"x\"", ",\"frequency_penalty\":1", "frequency_penalty", "unsupported_parameter")]
    [InlineData("\"x\"", ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]", "tools", "unsupported_parameter")]
    [InlineData("null", "", "prediction.content", "missing_required_parameter")]
    [InlineData("5", "", "prediction.content", "invalid_type")]
    [InlineData("[{\"type\":\"image\"}]", "", "prediction.content[0].type", "invalid_value")]
    [InlineData("[{\"type\":\"text\"}]", "", "prediction.content[0].text", "missing_required_parameter")]
    public async Task WhatDoesNotGoWithAPrediction_IsRefused(string content, string more, string param, string code)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();

        using HttpResponseMessage response = await host.PostAsync("chat/completions", Ask(content, more));

        JsonNode error = JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["error"]!;
        Assert.Equal((400, param, code), ((int)response.StatusCode, (string?)error["param"], (string?)error["code"]));
    }

    [Theory]
    [InlineData(",\"n\":1,\"logprobs\":false,\"presence_penalty\":0,\"frequency_penalty\":-1,\"max_completion_tokens\":9")]
    [InlineData(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"tool_choice\":\"none\"")]
    public async Task WhatGoesWithAPrediction_IsTaken(string more)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();

        using HttpResponseMessage response = await host.PostAsync("chat/completions", Ask("\"x\"", more));

        Assert.Equal(200, (int)response.StatusCode);
    }

    private static string Ask(string content, string more = "") =>
        $"{{\"model\":\"fake-model\",\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],\"prediction\":{{\"type\":\"content\",\"content\":{content}}}{more}}}";
}
