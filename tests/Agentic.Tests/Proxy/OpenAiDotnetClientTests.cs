using System.ClientModel;
using System.Text;
using OpenAI;
using OpenAI.Chat;

namespace Agentic.Tests;

/// <summary>OpenAI's own .NET client against the endpoints.</summary>
public sealed class OpenAiDotnetClientTests
{
    private const string CallText = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>";

    private static readonly ChatTool Weather = ChatTool.CreateFunctionTool(
        "weather", "Tells the weather.", BinaryData.FromString("""{"type":"object","properties":{"city":{"type":"string"}}}"""));

    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Chat_IsUnderstood()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended("Hello.");

        ChatCompletion answer = await ClientOf(host).CompleteChatAsync(
            [new SystemChatMessage("Be brief."), new UserChatMessage("hi")],
            new ChatCompletionOptions { IncludeLogProbabilities = true, TopLogProbabilityCount = 2, MaxOutputTokenCount = 50, StopSequences = { "#" } }, Ended);

        Assert.Equal("Hello.", answer.Content[0].Text);
        Assert.Equal(ChatFinishReason.Stop, answer.FinishReason);
        Assert.Equal(7, answer.Usage.OutputTokenCount);
        Assert.Equal(answer.Usage.InputTokenCount / 2, answer.Usage.InputTokenDetails.CachedTokenCount);
        Assert.Equal("Hello."u8.ToArray(), answer.ContentTokenLogProbabilities.SelectMany(token => token.Utf8Bytes!.Value.ToArray()));
        Assert.Equal(50, host.Engine.LastRequest.MaxOutputTokens);
    }

    [Fact]
    public async Task Stream_IsUnderstood()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended("Hé 😀");
        StringBuilder text = new();
        ChatFinishReason? finish = null;
        int tokens = 0;

        await foreach (StreamingChatCompletionUpdate update in ClientOf(host).CompleteChatStreamingAsync([new UserChatMessage("hi")], cancellationToken: Ended))
        {
            text.Append(string.Concat(update.ContentUpdate.Select(part => part.Text)));
            finish = update.FinishReason ?? finish;
            tokens = update.Usage?.TotalTokenCount ?? tokens;
        }

        Assert.Equal("Hé 😀", text.ToString());
        Assert.Equal(ChatFinishReason.Stop, finish);
        Assert.True(tokens > 0);   // the client asks for usage by itself
    }

    [Fact]
    public async Task ToolRoundTrip_IsUnderstood()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (request, _) => FakeCodec.Ended(host.Engine.Generations.Count == 1 ? CallText : "It rains.");
        ChatCompletionOptions options = new() { Tools = { Weather }, ToolChoice = ChatToolChoice.CreateRequiredChoice() };
        List<ChatMessage> messages = [new UserChatMessage("Weather in Oslo?")];

        ChatCompletion call = await ClientOf(host).CompleteChatAsync(messages, options, Ended);
        int[] firstPrompt = host.Engine.LastRequest.PromptIds;
        messages.Add(new AssistantChatMessage(call));
        messages.Add(new ToolChatMessage(call.ToolCalls[0].Id, "rain"));
        ChatCompletion answer = await ClientOf(host).CompleteChatAsync(messages, new ChatCompletionOptions { Tools = { Weather } }, Ended);

        Assert.Equal(ChatFinishReason.ToolCalls, call.FinishReason);
        Assert.Equal(("weather", "{\"city\": \"Oslo\"}"), (call.ToolCalls[0].FunctionName, call.ToolCalls[0].FunctionArguments.ToString()));
        Assert.Equal("It rains.", answer.Content[0].Text);
        int[] prefix = [.. firstPrompt, .. FakeCodec.Bytes(CallText)];
        Assert.Equal(prefix, host.Engine.LastRequest.PromptIds[..prefix.Length]);
    }

    [Fact]
    public async Task StreamedToolCall_IsUnderstood()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.Script = (_, _) => FakeCodec.Ended(CallText);
        string id = "", name = "";
        StringBuilder arguments = new();

        await foreach (StreamingChatCompletionUpdate update in ClientOf(host).CompleteChatStreamingAsync(
            [new UserChatMessage("hi")], new ChatCompletionOptions { Tools = { Weather } }, Ended))
        {
            foreach (StreamingChatToolCallUpdate call in update.ToolCallUpdates)
            {
                id += call.ToolCallId;
                name += call.FunctionName;
                arguments.Append(call.FunctionArgumentsUpdate);
            }
        }

        Assert.StartsWith("call_", id, StringComparison.Ordinal);
        Assert.Equal(("weather", "{\"city\": \"Oslo\"}"), (name, arguments.ToString()));
    }

    [Fact]
    public async Task Errors_AreUnderstood()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(options => options.ApiKeys["key"] = "tenant");

        ClientResultException wrongKey = await Assert.ThrowsAsync<ClientResultException>(() =>
            ClientOf(host, key: "other").CompleteChatAsync([new UserChatMessage("hi")], cancellationToken: Ended));
        ClientResultException wrongModel = await Assert.ThrowsAsync<ClientResultException>(() =>
            ClientOf(host, model: "gpt-x").CompleteChatAsync([new UserChatMessage("hi")], cancellationToken: Ended));

        Assert.Equal(401, wrongKey.Status);
        Assert.Equal(404, wrongModel.Status);
        Assert.Contains("model_not_found", wrongModel.Message, StringComparison.Ordinal);
    }

    private static ChatClient ClientOf(ProxyHost host, string model = ProxyHost.Model, string key = "key") =>
        new(model, new ApiKeyCredential(key), new OpenAIClientOptions { Endpoint = host.BaseAddress });
}
