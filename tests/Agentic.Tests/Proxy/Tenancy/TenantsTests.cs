using Agentic.Proxy;
using Agentic.SuffixCache;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Agentic.Tests;

/// <summary>What configuration makes of tenants: namespaces, quotas and grants.</summary>
public sealed class TenantsTests
{
    [Fact]
    public async Task Quotas_GoByTenantWhicheverTheModel()
    {
        Tenants tenants = await TenantsAsync(options => options.TenantMemory = TenantSettings.Sizes("tenant-memory", "one=8MiB,16MiB"));

        UInt128 one = NamespaceKey.TenantOf(new byte[32], "one");
        Assert.Equal(8 << 20, tenants.Rules.ByteQuotas[one]);
        Assert.Equal(16 << 20, tenants.Rules.ByteQuota);
        Assert.Equal("one", tenants.NameOf(one));
        Assert.Null(tenants.NameOf(NamespaceKey.TenantOf(new byte[32], "three")));
    }

    [Fact]
    public async Task Grant_LetsReadersReadAndNobodyElse()
    {
        Tenants tenants = await TenantsAsync(options =>
        {
            foreach (DraftGrant grant in TenantSettings.Grants("draft-from", "library, one=two"))
                options.DraftGrants.Add(grant);
        });

        NamespaceKey one = Space("one"), two = Space("two"), library = Space("library");
        Assert.Equal([library, two], tenants.Rules.Reads[one]);
        Assert.Equal([library], tenants.Rules.Reads[two]);
        Assert.False(tenants.Rules.Reads.ContainsKey(library));
        Assert.Equal(new HashSet<NamespaceKey> { one, two, library }, tenants.Namespaces.ToHashSet());
    }

    [Fact]
    public async Task WithoutGrants_NobodyReadsAnother()
    {
        Tenants tenants = await TenantsAsync(_ => { });
        Assert.All(tenants.Rules.Reads.Values, Assert.Empty);
        Assert.Equal(2, tenants.Namespaces.Count);
    }

    [Fact]
    public async Task UnknownTenant_StopsTheStart()
    {
        OptionsValidationException refused = await Assert.ThrowsAsync<OptionsValidationException>(
            () => TenantsAsync(options => options.TenantStore = TenantSettings.Sizes("tenant-store", "typo=8MiB")));
        Assert.Contains("'typo'", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("one=")]
    [InlineData("=8MiB")]
    [InlineData("1MiB")]
    [InlineData("8MiB,9MiB")]
    [InlineData("one=8MiB,one=9MiB")]
    public void SizeThatIsNone_IsRefused(string value) =>
        Assert.StartsWith("tenant-memory: ", Assert.Throws<CommandException>(() => TenantSettings.Sizes("tenant-memory", value)).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("=two")]
    [InlineData("one=")]
    [InlineData("one=two,,")]
    public void GrantWithoutName_IsRefused(string value) =>
        Assert.Throws<CommandException>(() => TenantSettings.Grants("draft-from", value));

    private static async Task<Tenants> TenantsAsync(Action<ProxyOptions> configure)
    {
        await using ProxyHost host = await ProxyHost.StartAsync(options =>
        {
            options.ApiKeys["k1"] = "one";
            options.ApiKeys["k2"] = "two";
            configure(options);
        });
        return host.Services.GetRequiredService<Tenants>();
    }

    private static NamespaceKey Space(string tenant) => NamespaceKey.Derive(new byte[32], tenant, "weights", new FakeCodec().Fingerprint);
}
