using System.Net;
using Agentic.Proxy;
using Microsoft.Extensions.DependencyInjection;

namespace Agentic.Tests;

/// <summary>What a load balancer and an operator see of a server that starts.</summary>
public sealed class HealthTests
{
    [Fact]
    public async Task WarmingUp_IsAliveNotReadyAndSaysHowFarItIs()
    {
        await using ProxyHost host = await ProxyHost.StartAsync();
        WarmUp? progress = new(Sequences: 1200, Tokens: 3_400_000, Bytes: 2_000_000, TotalBytes: 8_000_000);
        host.Services.GetRequiredService<Readiness>().Progress = () => progress;
        const string Loading = """{"status":"loading","model":"fake-model","loading":{"sequences":1200,"tokens":3400000,"bytes":2000000,"total_bytes":8000000}}""";

        Assert.Equal((HttpStatusCode.OK, Loading), await GetAsync("/health"));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, Loading), await GetAsync("/ready"));
        progress = null;
        Assert.Equal((HttpStatusCode.OK, """{"status":"ok","model":"fake-model"}"""), await GetAsync("/ready"));

        async Task<(HttpStatusCode, string)> GetAsync(string path)
        {
            using HttpResponseMessage response = await host.Client.GetAsync(path, TestContext.Current.CancellationToken);
            return (response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
    }
}
