using System.CommandLine;
using System.Text.RegularExpressions;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>Which namespaces a command is about, and what they are called.</summary>
internal sealed partial class NamespaceFilter
{
    private const int ShownDigits = 8;

    public static readonly Option<string[]> Tenant = new("--tenant")
    {
        HelpName = "NAME",
        Description = "Only what this tenant's requests left, whichever model they asked. Without API keys all requests are \"default\".",
    };

    public static readonly Option<string[]> Namespace = new("--namespace")
    {
        HelpName = "ID",
        Description = "Only this namespace, as \"agentic cache stats\" names it.",
    };

    private readonly Dictionary<UInt128, string> _names = [];
    private readonly HashSet<UInt128> _tenants = [];
    private readonly string[] _ids;
    private readonly bool _all;

    private NamespaceFilter(ParseResult parsed, StoreLocation location)
    {
        string[] tenants = parsed.GetValue(Tenant) ?? [];
        _ids = parsed.GetValue(Namespace) ?? [];
        _all = tenants.Length == 0 && _ids.Length == 0;
        if (_ids.FirstOrDefault(id => !Id().IsMatch(id)) is string bad)
            throw new CommandException($"namespace: '{bad}' is none; write it as \"agentic cache stats\" does");
        byte[]? secret = ServerSecret.Find(location.DataDirectory);
        if (secret is null && tenants.Length > 0)
        {
            throw new CommandException(
                $"tenant: {location.DataDirectory} holds no secret, by which a tenant's namespaces are found; name the server's data directory with --data");
        }

        foreach (string name in secret is null ? [] : location.KnownTenants.Concat(tenants))
            _names[NamespaceKey.TenantOf(secret, name)] = name;
        foreach (string name in tenants)
            _tenants.Add(NamespaceKey.TenantOf(secret, name));
    }

    /// <summary>Adds the options.</summary>
    public static void AddOptions(Command command)
    {
        command.Add(Tenant);
        command.Add(Namespace);
    }

    /// <exception cref="CommandException">A namespace is misspelled, or tenants are named where their namespaces cannot be known.</exception>
    public static NamespaceFilter Read(ParseResult parsed, StoreLocation location) => new(parsed, location);

    /// <summary>Whether nothing is left out.</summary>
    public bool IsAll => _all;

    public bool Takes(NamespaceKey key) =>
        _all || _tenants.Contains(key.Tenant) || _ids.Any(id => id == key.ToString() || id == Short(key));

    /// <summary>The tenant's name, as far as it is known here.</summary>
    public string? TenantOf(NamespaceKey key) => _names.GetValueOrDefault(key.Tenant);

    /// <summary>Eight digits of the tenant and eight of the namespace: short enough to be read, long enough to be no other.</summary>
    public static string Short(NamespaceKey key)
    {
        string digits = key.ToString();
        return $"{digits[..ShownDigits]}-{digits[(digits.Length / 2)..][..ShownDigits]}";
    }

    [GeneratedRegex("^([0-9a-f]{64}|[0-9a-f]{8}-[0-9a-f]{8})$")]
    private static partial Regex Id();
}
