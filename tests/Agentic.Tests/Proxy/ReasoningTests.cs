using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary>Models that think: what clients see of it.</summary>
public sealed class ReasoningTests
{
    private const string Ask = "\"model\":\"fake-model\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";
    private const string Tools = "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]";

    [Fact]
    public async Task Thought_IsApartFromTheAnswer()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(template: new FakeTemplate(thinks: true));
        host.Engine.Script = (_, _) => FakeCodec.Ended("<think>\nHm?\n</think>\n\nYes.");

        JsonNode answer = await host.JsonAsync("chat/completions", $"{{{Ask},\"logprobs\":true}}");

        JsonNode message = answer["choices"]![0]!["message"]!;
        Assert.Equal(("Hm?", "Hm?", "Yes."), ((string?)message["reasoning_content"], (string?)message["reasoning"], (string?)message["content"]));
        Assert.Equal("<think>\nHm?\n</think>\n\n".Length, answer["usage"]!["completion_tokens_details"]!["reasoning_tokens"]!.GetValue<int>());
        Assert.Equal("Yes.", string.Concat(answer["choices"]![0]!["logprobs"]!["content"]!.AsArray().Select(token => (string?)token!["token"])));
    }

    [Fact]
    public async Task StreamedThought_ComesInItsOwnDeltas()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(template: new FakeTemplate(thinks: true));
        host.Engine.Script = (_, _) => FakeCodec.Ended("<think>a b</think> c<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>");

        string[] events = await host.EventsAsync("chat/completions", $"{{{Ask},{Tools},\"stream\":true}}");

        JsonNode[] deltas = [.. events.SkipLast(1).Select(line => JsonNode.Parse(line)!["choices"]![0]!["delta"]!)];
        Assert.Equal("assistant", (string?)deltas[0]["role"]);
        Assert.Equal("""{"reasoning_content":"a","reasoning":"a"}""", deltas[1].ToJsonString());
        Assert.Equal("a b", string.Concat(deltas.Select(delta => (string?)delta["reasoning_content"])));
        Assert.Equal("c", string.Concat(deltas.Select(delta => (string?)delta["content"])));
        Assert.Equal("f", (string?)deltas.First(delta => delta["tool_calls"] is not null)["tool_calls"]![0]!["function"]!["name"]);
    }

    [Theory]
    [InlineData("\"chat_template_kwargs\":{\"enable_thinking\":true}", "Hm</think>Yes", "Hm", "Yes")]
    [InlineData("\"chat_template_kwargs\":{\"enable_thinking\":false}", "Yes", null, "Yes")]
    [InlineData("\"reasoning_effort\":\"none\"", "Yes", null, "Yes")]
    [InlineData("\"reasoning_effort\":\"low\"", "Hm</think>Yes", "Hm", "Yes")]
    public async Task TemplateOpensOrForbidsTheThought(string field, string written, string? thought, string answer)
    {
        await using ProxyHost host = await ProxyHost.StartAsync(template: new FakeTemplate(thinks: true));
        host.Engine.Script = (_, _) => FakeCodec.Ended(written);

        JsonNode message = (await host.JsonAsync("chat/completions", $"{{{Ask},{field}}}"))["choices"]![0]!["message"]!;

        Assert.Equal((thought, answer), ((string?)message["reasoning_content"], (string?)message["content"]));
    }

    [Fact]
    public async Task ModelThatDoesNotThink_HasItsTextLeftAlone()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended("<think>a</think>b");

        JsonNode message = (await host.JsonAsync("chat/completions", $"{{{Ask}}}"))["choices"]![0]!["message"]!;

        Assert.Equal("<think>a</think>b", (string?)message["content"]);
        Assert.False(message.AsObject().ContainsKey("reasoning_content"));
    }

    /// <summary>Steps of any size give the same events, and a history with the thought in it is understood.</summary>
    [Fact]
    public async Task AnySteps_GiveTheSameEvents()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(template: new FakeTemplate(thinks: true));
        host.Engine.Script = (_, _) => FakeCodec.Ended(" <think> a <b </thin </think>\n\nyes <tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>");
        string? first = null;
        foreach (int[] steps in (int[][])[[1], [3], [100], [2, 7]])
        {
            host.Engine.StepTokens = steps;
            string[] events = await host.EventsAsync("chat/completions", $"{{{Ask},{Tools},\"stream\":true}}");
            string text = string.Concat(events.SkipLast(1).Select(line => JsonNode.Parse(line)!["choices"]![0]!["delta"]! is var delta
                && delta["tool_calls"] is JsonArray calls && calls[0]!["id"] is not null ? "call " : delta.ToJsonString()));
            Assert.Equal(first ??= text, text);
        }

        using HttpResponseMessage next = await host.PostAsync("chat/completions",
            "{\"model\":\"fake-model\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
            + "{\"role\":\"assistant\",\"content\":\"yes\",\"reasoning_content\":\"a\",\"reasoning\":\"a\"},{\"role\":\"user\",\"content\":\"go\"}]}");
        Assert.True(next.IsSuccessStatusCode);
    }
}
