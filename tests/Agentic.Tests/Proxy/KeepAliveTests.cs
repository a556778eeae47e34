namespace Agentic.Tests;

public sealed class KeepAliveTests
{
    [Theory]
    [InlineData("chat/completions")]
    [InlineData("completions")]
    public async Task QuietStream_CarriesComments(string path)
    {
        await using ProxyHost host = await ProxyHost.StartAsync(options => options.KeepAlive = TimeSpan.FromMilliseconds(20));
        host.Engine.Script = (_, _) =>
        {
            Thread.Sleep(300);   // a long prompt
            return FakeCodec.Ended("ab");
        };

        using HttpResponseMessage response = await host.PostAsync(path,
            """{"model":"fake-model","prompt":"a","messages":[{"role":"user","content":"hi"}],"stream":true}""");
        string[] events = (await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Split("\n\n");

        Assert.Equal(": keep-alive", events[0]);
        Assert.Equal("data: [DONE]", events[^2]);
        Assert.All(events[..^1], line => Assert.True(line.StartsWith("data: ", StringComparison.Ordinal) || line == ": keep-alive", line));
    }
}
