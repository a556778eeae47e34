using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Agentic.SuffixCache;
using Microsoft.Extensions.Options;

namespace Agentic.Proxy;

/// <summary>Tells by the API key who asks, which memory is theirs, and how much of it.</summary>
internal sealed class Tenants
{
    /// <summary>Whose all requests are where no API key is asked for.</summary>
    public const string Default = "default";

    private readonly Dictionary<string, NamespaceKey> _spaces = [];   // by hash, so that looking one up takes the same time for any key
    private readonly Dictionary<string, NamespaceKey> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<UInt128, string> _names = [];
    private readonly bool _open;

    public Tenants(IOptions<ProxyOptions> options, ServedModel model)
    {
        ProxyOptions values = options.Value;
        _open = values.ApiKeys.Count == 0;
        string[] served = _open ? [Default] : [.. values.ApiKeys.Values.Distinct()];
        foreach (string tenant in served.Concat(values.DraftGrants.Select(grant => grant.Owner)).Distinct())
        {
            _byName[tenant] = NamespaceKey.Derive(values.Secret, tenant, model.Fingerprint, model.Codec.Fingerprint);
            _names[_byName[tenant].Tenant] = tenant;
        }

        foreach ((string key, string tenant) in values.ApiKeys)
            _spaces[HashOf(key)] = _byName[tenant];
        Rules = new TenantRules
        {
            ByteQuota = values.TenantMemory.Each,
            ByteQuotas = values.TenantMemory.Of.ToDictionary(size => NamespaceKey.TenantOf(values.Secret, size.Key), size => size.Value),
            Reads = served.ToDictionary(tenant => _byName[tenant], tenant => Owners(values.DraftGrants, tenant)),
        };
    }

    /// <summary>Every namespace that requests can have, or be drafted from.</summary>
    public IReadOnlyCollection<NamespaceKey> Namespaces => _byName.Values;

    /// <summary>What tenants may hold in memory, and whom they may read.</summary>
    public TenantRules Rules { get; }

    /// <summary>Who a tenant of the cache is; null for one that is configured no more.</summary>
    public string? NameOf(UInt128 tenant) => _names.GetValueOrDefault(tenant);

    /// <summary>The namespace of whoever sent a request.</summary>
    /// <exception cref="ApiException">401: the key is missing or unknown.</exception>
    public NamespaceKey Authorize(HttpRequest request)
    {
        if (_open)
            return _byName[Default];
        string? header = request.Headers.Authorization;
        if (string.IsNullOrEmpty(header))
            throw ApiException.WrongKey("You didn't provide an API key. Send it in the Authorization header: 'Authorization: Bearer KEY'.");
        string? key = AuthenticationHeaderValue.TryParse(header, out AuthenticationHeaderValue? value)
            && value.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase) ? value.Parameter : null;
        return key is not null && _spaces.TryGetValue(HashOf(key), out NamespaceKey space)
            ? space
            : throw ApiException.WrongKey("Incorrect API key provided.");
    }

    private IReadOnlyList<NamespaceKey> Owners(IEnumerable<DraftGrant> grants, string reader) =>
        [.. grants.Where(grant => grant.Owner != reader && (grant.Reader is null || grant.Reader == reader))
            .Select(grant => _byName[grant.Owner]).Distinct()];

    private static string HashOf(string key) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
}
