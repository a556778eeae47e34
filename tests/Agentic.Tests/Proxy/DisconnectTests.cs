using System.Text;

namespace Agentic.Tests;

public sealed class DisconnectTests
{
    [Theory]
    [InlineData("chat/completions", false)]
    [InlineData("chat/completions", true)]
    [InlineData("completions", false)]
    [InlineData("completions", true)]
    public async Task ClientLeaves_GenerationIsCancelled(string path, bool stream)
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        TaskCompletionSource secondStep = new(), leave = new();
        host.Engine.Script = (_, _) => FakeCodec.Ended("a long answer");
        host.Engine.BeforeStep = () =>
        {
            secondStep.TrySetResult();
            return leave.Task;
        };
        using CancellationTokenSource client = new();
        using StringContent body = new(
            $$"""{"model":"fake-model","prompt":"a","messages":[{"role":"user","content":"hi"}],"stream":{{(stream ? "true" : "false")}}}""",
            Encoding.UTF8, "application/json");
        Task<HttpResponseMessage> request = host.Client.PostAsync("/v1/" + path, body, client.Token);
        await secondStep.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);

        await client.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);

        for (int i = 0; i < 500 && !host.Engine.Generations[0].IsCancelled; i++)
            await Task.Delay(10, TestContext.Current.CancellationToken);
        Assert.True(host.Engine.Generations[0].IsCancelled);
        leave.SetResult();
    }

    [Fact]
    public async Task OnePromptRefused_TheOthersAreCancelled()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        host.Engine.BeforeSubmit = count =>
        {
            if (count == 2)
                throw new Agentic.ModelRuntime.EngineBusyException(TimeSpan.FromSeconds(1));
        };

        using HttpResponseMessage response = await host.PostAsync("completions", """{"model":"fake-model","prompt":["a","b","c"]}""");

        Assert.Equal(System.Net.HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.Equal(2, host.Engine.Generations.Count);
        Assert.All(host.Engine.Generations, generation => Assert.True(generation.IsCancelled));
    }
}
