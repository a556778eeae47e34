using Microsoft.Extensions.Options;

namespace Agentic.Proxy;

/// <summary>How the endpoints are served. Checked when the server starts.</summary>
internal sealed class ProxyOptions
{
    /// <summary>API keys and whose they are. Empty: no key is asked for, and all requests are the tenant "default".</summary>
    public IDictionary<string, string> ApiKeys { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Of pages that may ask from a browser, "*" for all. Empty: none.</summary>
    public IList<string> AllowedOrigins { get; } = [];

    /// <summary>Memory of the suffix cache that tenants may hold.</summary>
    public TenantSizes TenantMemory { get; set; } = TenantSizes.None;

    /// <summary>What the store keeps of tenants.</summary>
    public TenantSizes TenantStore { get; set; } = TenantSizes.None;

    /// <summary>Whose history others are drafted from. Empty: nobody sees anything of anybody.</summary>
    public IList<DraftGrant> DraftGrants { get; } = [];

    /// <summary>Other names the model answers to.</summary>
    public IList<string> ModelAliases { get; } = [];

    /// <summary>What namespaces are derived with; at least 16 bytes, and the same on every replica and after every restart.</summary>
    public byte[] Secret { get; set; } = [];

    /// <summary>Largest body of a request.</summary>
    public long MaxRequestBytes { get; set; } = 64 << 20;

    /// <summary>Tokens of earlier answers kept for when they come back in a history.</summary>
    public int RememberedAnswerTokens { get; set; } = 4_000_000;

    /// <summary>After how long without an event a stream carries a comment.</summary>
    public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Prompts in one request to <c>/v1/completions</c>.</summary>
    public int MaxPromptsPerRequest { get; set; } = 128;
}

/// <summary>Stops the start on options that cannot work.</summary>
internal sealed class ProxyOptionsValidator : IValidateOptions<ProxyOptions>
{
    private const int SecretBytes = 16;

    public ValidateOptionsResult Validate(string? name, ProxyOptions options)
    {
        List<string> wrong = [];
        if (options.Secret.Length < SecretBytes)
            wrong.Add($"Secret: {options.Secret.Length} bytes, and {SecretBytes} are the least. Delete its file to have a new one made.");
        if (options.ApiKeys.Any(key => string.IsNullOrWhiteSpace(key.Key) || string.IsNullOrWhiteSpace(key.Value)))
            wrong.Add("ApiKeys: a key or its tenant is empty. Give each key a tenant's name.");
        HashSet<string> tenants = options.ApiKeys.Count == 0 ? [Tenants.Default] : [.. options.ApiKeys.Values];
        tenants.UnionWith(options.DraftGrants.Select(grant => grant.Owner));
        foreach (string tenant in options.TenantMemory.Of.Keys.Concat(options.TenantStore.Of.Keys)
            .Concat(options.DraftGrants.Select(grant => grant.Reader).OfType<string>())
            .Where(tenant => !tenants.Contains(tenant)).Distinct())
            wrong.Add($"Tenant '{tenant}' has a quota or a grant and no API key. Correct its name, or give it a key.");
        if (options.ModelAliases.Any(string.IsNullOrWhiteSpace))
            wrong.Add("ModelAliases: an alias is empty. Remove it.");
        if (options.MaxRequestBytes < 1)
            wrong.Add($"MaxRequestBytes: {options.MaxRequestBytes} is less than 1.");
        if (options.RememberedAnswerTokens < 0)
            wrong.Add($"RememberedAnswerTokens: {options.RememberedAnswerTokens} is less than 0.");
        if (options.KeepAlive <= TimeSpan.Zero)
            wrong.Add($"KeepAlive: {options.KeepAlive} is not above 0.");
        if (options.MaxPromptsPerRequest < 1)
            wrong.Add($"MaxPromptsPerRequest: {options.MaxPromptsPerRequest} is less than 1.");
        return wrong.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(wrong);
    }
}
