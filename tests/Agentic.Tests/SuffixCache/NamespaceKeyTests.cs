using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class NamespaceKeyTests
{
    [Fact]
    public void EachIngredient_MakesAnotherNamespace()
    {
        NamespaceKey[] keys =
        [
            NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizer", "adapter"),
            NamespaceKey.Derive("Secret"u8, "tenant", "model", "tokenizer", "adapter"),
            NamespaceKey.Derive("secret"u8, "Tenant", "model", "tokenizer", "adapter"),
            NamespaceKey.Derive("secret"u8, "tenant", "Model", "tokenizer", "adapter"),
            NamespaceKey.Derive("secret"u8, "tenant", "model", "Tokenizer", "adapter"),
            NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizer", "Adapter"),
            NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizer"),
            NamespaceKey.Derive("secret"u8, "tenantm", "odel", "tokenizer", "adapter"),
            NamespaceKey.Derive("secret"u8, "tenant", "modelt", "okenizer", "adapter"),
            NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizera", "dapter"),
        ];

        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.Equal(keys[0], NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizer", "adapter"));
    }

    [Fact]
    public void Tenant_IsTheSameOverModelsAndNoOthers()
    {
        NamespaceKey one = NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizer"),
            two = NamespaceKey.Derive("secret"u8, "tenant", "other", "tokens", "adapter");

        Assert.NotEqual(one, two);
        Assert.Equal(one.Tenant, two.Tenant);
        Assert.Equal(NamespaceKey.TenantOf("secret"u8, "tenant"), one.Tenant);
        Assert.NotEqual(NamespaceKey.TenantOf("secret"u8, "tenants"), one.Tenant);
        Assert.NotEqual(NamespaceKey.TenantOf("secrets"u8, "tenant"), one.Tenant);
    }

    [Fact]
    public void Text_AndBytes_ReadBack()
    {
        NamespaceKey key = NamespaceKey.Derive("secret"u8, "tenant", "model", "tokenizer");
        Span<byte> bytes = stackalloc byte[NamespaceKey.Length];
        key.CopyTo(bytes);

        Assert.Equal(key, NamespaceKey.Parse(key.ToString()));
        Assert.Equal(key, NamespaceKey.FromBytes(bytes));
        Assert.StartsWith(key.Tenant.ToString("x32", null), key.ToString(), StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => NamespaceKey.Parse(key.ToString()[2..]));
        Assert.Throws<FormatException>(() => NamespaceKey.FromBytes([1, 2, 3]));
    }
}
