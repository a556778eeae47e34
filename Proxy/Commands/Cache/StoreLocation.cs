using System.CommandLine;

namespace Agentic.Proxy;

/// <summary>Where a server keeps what it learned, by the same settings as the server's own.</summary>
/// <param name="Redis">A StackExchange.Redis connection string, or null for the embedded store.</param>
/// <param name="DataDirectory">With the secret, and the embedded store.</param>
/// <param name="KnownTenants">Names that the settings give.</param>
/// <param name="Quotas">What is kept of tenants.</param>
/// <param name="Age">How long it is kept, or null for the default.</param>
internal sealed record StoreLocation(
    string? Redis, string DataDirectory, IReadOnlyCollection<string> KnownTenants, TenantSizes Quotas, TimeSpan? Age)
{
    /// <summary><see cref="Redis"/> without its password.</summary>
    public string? RedisName => ServeOptions.NameOf(Redis);

    /// <summary>Where the embedded store keeps its files.</summary>
    public string StoreDirectory => ServeOptions.StoreIn(DataDirectory);

    /// <exception cref="CommandException">A value cannot be used.</exception>
    public static StoreLocation Read(ParseResult parsed)
    {
        ConfigurationManager configuration = ServeCommand.Configuration();
        string? Value(Setting setting) => StoreLocation.Value(parsed, configuration, setting);
        return Of(parsed, Value(ServeOptions.RedisSetting), Value(ServeOptions.DataSetting)) with
        {
            Quotas = TenantSettings.Sizes(ServeOptions.TenantStoreSetting.Name, Value(ServeOptions.TenantStoreSetting)),
            Age = ServeOptions.Age(Value(ServeOptions.StoreAgeSetting)),
        };
    }

    /// <summary>A place that the command names by other options than the server's, and writes nothing to.</summary>
    /// <exception cref="CommandException">A value cannot be used.</exception>
    public static StoreLocation Of(ParseResult parsed, string? redis, string? dataDirectory) => new(
        ServeOptions.Connection(redis), Path.GetFullPath(dataDirectory ?? ServeOptions.DefaultDataDirectory()),
        [Tenants.Default, .. TenantSettings.Keys(Value(parsed, ServeCommand.Configuration(), ServeOptions.ApiKeySetting)).Values.Distinct()],
        TenantSizes.None, Age: null);

    private static string? Value(ParseResult parsed, ConfigurationManager configuration, Setting setting) =>
        (setting.Given(parsed) ?? configuration[setting.Key]) is { } value && !string.IsNullOrWhiteSpace(value) ? value.Trim() : null;
}
