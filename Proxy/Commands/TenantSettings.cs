namespace Agentic.Proxy;

/// <summary>Reads settings of the form <c>[TENANT=]VALUE,…</c>.</summary>
internal static class TenantSettings
{
    /// <summary>A chunk of the index in each of two namespaces: less memory could not be kept to.</summary>
    public const long LeastSize = 4 << 20;

    /// <summary>API keys and whose they are; a key without a tenant is "default"'s.</summary>
    /// <exception cref="CommandException">One is empty or given twice.</exception>
    public static Dictionary<string, string> Keys(string? value)
    {
        Dictionary<string, string> tenants = new(StringComparer.Ordinal);
        foreach ((string? tenant, string key) in Entries(value))
        {
            // "c2VjcmV0==" is no tenant whose key is "=".
            if (tenant is "" || key.Trim('=').Length == 0)
                throw new CommandException("api-key: a key or its tenant is empty; write KEY or TENANT=KEY, and a key that has a = with its tenant");
            if (!tenants.TryAdd(key, tenant ?? Tenants.Default))
                throw new CommandException($"api-key: one key is given twice, the second time for tenant '{tenant ?? Tenants.Default}'; "
                    + "give each key once");
        }

        return tenants;
    }

    /// <summary>Amounts of memory, for every tenant and for some.</summary>
    /// <exception cref="CommandException">One is no amount, too small, or given twice.</exception>
    public static TenantSizes Sizes(string name, string? value)
    {
        long? each = null;
        Dictionary<string, long> of = new(StringComparer.Ordinal);
        foreach ((string? tenant, string size) in Entries(value))
        {
            long bytes = ByteSize.Parse(size) is long amount and >= LeastSize
                ? amount
                : throw new CommandException($"{name}: '{size}' is not an amount of at least {ByteSize.Format(LeastSize)}; "
                    + "write it as 512MiB or 2GiB");
            if (tenant is "" || (tenant is null ? each is not null : !of.TryAdd(tenant, bytes)))
                throw new CommandException($"{name}: the tenant '{tenant}' is empty or given twice; write SIZE or TENANT=SIZE, each once");
            each = tenant is null ? bytes : each;
        }

        return new TenantSizes(each, of);
    }

    /// <summary>Who may be drafted from whom.</summary>
    /// <exception cref="CommandException">A name is empty.</exception>
    public static List<DraftGrant> Grants(string name, string? value)
    {
        List<DraftGrant> grants = [.. Entries(value).Select(entry => new DraftGrant(entry.Tenant, entry.Value))];
        return grants.Exists(grant => grant.Reader is "" || grant.Owner.Length == 0)
            ? throw new CommandException($"{name}: a tenant is empty; write OWNER or TENANT=OWNER")
            : grants;
    }

    private static IEnumerable<(string? Tenant, string Value)> Entries(string? value) =>
        (value?.Split(',', StringSplitOptions.TrimEntries) ?? []).Select(entry =>
            entry.IndexOf('=', StringComparison.Ordinal) is int at and >= 0 ? (entry[..at], entry[(at + 1)..]) : ((string?)null, entry));
}
