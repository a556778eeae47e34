using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Agentic.SuffixCache;
using Microsoft.Extensions.Options;

namespace Agentic.Proxy;

/// <summary>Tells by the API key who asks, and which memory is theirs.</summary>
internal sealed class Tenants
{
    private const string DefaultTenant = "default";
    private readonly Dictionary<string, NamespaceKey> _spaces = [];   // by hash, so that looking one up takes the same time for any key
    private readonly NamespaceKey _default;
    private readonly bool _open;

    public Tenants(IOptions<ProxyOptions> options, ServedModel model)
    {
        ProxyOptions values = options.Value;
        _open = values.ApiKeys.Count == 0;
        _default = Derive(DefaultTenant);
        foreach ((string key, string tenant) in values.ApiKeys)
            _spaces[HashOf(key)] = Derive(tenant);

        NamespaceKey Derive(string tenant) => NamespaceKey.Derive(values.Secret, tenant, model.Fingerprint, model.Codec.Fingerprint);
    }

    /// <summary>Every namespace that requests can have.</summary>
    public IReadOnlyCollection<NamespaceKey> Namespaces => _open ? [_default] : [.. _spaces.Values.Distinct()];

    /// <summary>The namespace of whoever sent a request.</summary>
    /// <exception cref="ApiException">401: the key is missing or unknown.</exception>
    public NamespaceKey Authorize(HttpRequest request)
    {
        if (_open)
            return _default;
        string? header = request.Headers.Authorization;
        if (string.IsNullOrEmpty(header))
            throw ApiException.WrongKey("You didn't provide an API key. Send it in the Authorization header: 'Authorization: Bearer KEY'.");
        string? key = AuthenticationHeaderValue.TryParse(header, out AuthenticationHeaderValue? value)
            && value.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase) ? value.Parameter : null;
        return key is not null && _spaces.TryGetValue(HashOf(key), out NamespaceKey space)
            ? space
            : throw ApiException.WrongKey("Incorrect API key provided.");
    }

    private static string HashOf(string key) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
}
