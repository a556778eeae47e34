using System.IO.Compression;
using Agentic.Proxy;

namespace Agentic.Tests;

public sealed class ChatLogTests : IDisposable
{
    private const string Asked = """[{"role":"user","content":"q"}]""";
    private const string Answered = """{"choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}]}""";
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Conversation_IsCalledWhereTheModelWrote()
    {
        string messages = """
            [{"role":"system","content":"s"},{"role":"assistant","content":"example"},{"role":"user","content":"q"},{"role":"assistant","content":"a"}]
            """.Trim();
        LoggedChat all = Single($$$$$"""{"messages":{{{{{messages}}}}}}"""), listed = Single($$$$$"""{"messages":{{{{{messages}}}}},"calls":[3],"tools":[{}]}""");

        Assert.Equal([1, 3], all.Calls.Order());
        Assert.Equal([3], listed.Calls);
        Assert.Single(listed.Tools!);
    }

    [Theory]
    [InlineData($$$$$"""{"request":{"model":"m","messages":{{{{{Asked}}}}}},"response":{{{{{Answered}}}}}}""")]
    [InlineData($$$$$"""{"request":{"body":{"messages":{{{{{Asked}}}}}}},"response":{"status_code":200,"body":{{{{{Answered}}}}}}}""")]
    [InlineData($$$$$"""{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"messages":{{{{{Asked}}}}}},"response":{"body":{{{{{Answered}}}}}}}""")]
    [InlineData($$$$$"""{"messages":{{{{{Asked}}}}},"response":{{{{{Answered}}}}}}""")]
    [InlineData("""{"messages":[{"role":"user","content":"q"}],"choices":[{"message":{"role":"assistant","content":"a"}}]}""")]
    [InlineData($$$$$"""{"messages":{{{{{Asked}}}}},"response":{"role":"assistant","content":"a"}}""")]
    [InlineData("""{"request":"{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]}","response":"{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"a\"}}]}"}""")]
    [InlineData("""{"messages":[{"role":"user","content":"q"}],"response":[{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]},{"choices":[{"index":0,"delta":{"content":"a"}}]},{"choices":[]}]}""")]
    public void RequestAndResponse_AreOneCall(string line)
    {
        LoggedChat chat = Single(line);

        Assert.Equal(["user", "assistant"], chat.Messages.Select(message => (string)message["role"]!));
        Assert.Equal("a", (string)chat.Messages[1]["content"]!);
        Assert.Equal([1], chat.Calls);
    }

    [Fact]
    public void SeveralChoices_AreACallEach()
    {
        LoggedChat[] chats = Read($$$$$"""{"messages":{{{{{Asked}}}}},"choices":[{"message":{"role":"assistant","content":"a"}},{"message":{"role":"assistant","content":"b"}}]}""");
        Assert.Equal(["a", "b"], chats.Select(chat => (string)chat.Messages[1]["content"]!));
    }

    [Fact]
    public void StreamedCalls_ArePutTogether()
    {
        LoggedChat chat = Single($$$$$"""
            {"messages":{{{{{Asked}}}}},"response":[
            {"choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":""}}]}}]},
            {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"k\":"}}]}}]},
            {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}},{"index":1,"id":"c2","function":{"name":"g","arguments":"{}"}}]}}]}]}
            """.ReplaceLineEndings(""));

        Assert.Equal("""[{"type":"function","function":{"name":"f","arguments":"{\u0022k\u0022:1}"},"id":"c1"},{"type":"function","function":{"name":"g","arguments":"{}"},"id":"c2"}]""",
            chat.Messages[1]["tool_calls"]!.ToJsonString());
    }

    [Theory]
    [InlineData("""{"prompt":"p","completion":"o"}""")]
    [InlineData("""{"request":{"prompt":"p"},"response":{"choices":[{"text":"o"}]}}""")]
    [InlineData("""{"prompt":"p","choices":[{"text":"o"}]}""")]
    public void TextCompletion_IsOneCall(string line) => Assert.Equal(("p", "o"), Single(line).Text);

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("""{"text":"x"}""")]
    [InlineData("""{"messages":[null]}""")]
    [InlineData("""{"messages":[{"content":"x"}]}""")]
    [InlineData("""{"messages":[{"role":1}]}""")]
    [InlineData("""{"messages":[{"role":"user"}],"calls":[1]}""")]
    [InlineData("""{"messages":[{"role":"user"}],"calls":[-2]}""")]
    [InlineData("""{"messages":[{"role":"user"}],"calls":[0,null]}""")]
    [InlineData("""{"messages":[{"role":"user"}],"calls":[0.5]}""")]
    [InlineData("""{"messages":[{"role":"user"}],"calls":["x"]}""")]
    [InlineData("""{"messages":[],"response":"{"}""")]
    [InlineData("""{"request":{"prompt":"p"},"response":{"choices":[{"text":1}]}}""")]
    [InlineData("""{"messages":[],"messages":[]}""")]
    public void OtherLine_IsNamed(string line)
    {
        CommandException refused = Assert.Throws<CommandException>(() => Read($$$$$"""{"messages":{{{{{Asked}}}}}}""" + "\n\n" + line));
        Assert.Contains("log.jsonl, line 3: ", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("log.jsonl.gz")]
    [InlineData("log.jsonl")]
    public void Gzip_IsUnpackedWhateverItsName(string name)
    {
        string file = _directory[name];
        using (StreamWriter text = new(new GZipStream(File.Create(file), CompressionLevel.Fastest)))
            text.WriteLine($$$$$"""{"messages":{{{{{Asked}}}}}}""");
        Assert.Empty(Assert.Single(ChatLog.ReadFile(file)).Calls);
    }

    private LoggedChat Single(string line) => Assert.Single(Read(line));

    private LoggedChat[] Read(string lines)
    {
        string file = _directory["log.jsonl"];
        File.WriteAllText(file, lines);
        return [.. ChatLog.ReadFile(file)];
    }
}
