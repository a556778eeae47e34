using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>Where sequences are kept, and how much of them.</summary>
public sealed record SequenceStoreOptions
{
    /// <summary>Bounds of <see cref="RetentionAge"/>.</summary>
    public static readonly TimeSpan LeastAge = TimeSpan.FromMinutes(1), MostAge = TimeSpan.FromDays(3650);

    /// <summary>Connection string of a Redis, Valkey or Garnet server or cluster: <c>host:port,host:port,password=…,ssl=true</c>.</summary>
    public string Redis { get; init; } = "";

    /// <summary>Memory that sequences may hold while they wait; past it new ones are refused. Outlasts an outage of 16M tokens.</summary>
    public long QueueBytes { get; init; } = 64L << 20;

    /// <summary>What one namespace may hold in the store, oldest dropped first: 64 MiB are some 50M tokens.</summary>
    /// <remarks>Dropped by sixteenths; each server beyond the first that writes may add one.</remarks>
    public long RetentionBytes { get; init; } = 64L << 20;

    /// <summary>How long a namespace's sequences are kept in the store.</summary>
    /// <remarks>Dropped by sixteenths, so that what was appended up to a sixteenth before its time may go with older.</remarks>
    public TimeSpan RetentionAge { get; init; } = TimeSpan.FromDays(60);

    /// <summary>What single namespaces may hold instead of <see cref="RetentionBytes"/>.</summary>
    public IReadOnlyDictionary<NamespaceKey, long> NamespaceBytes { get; init; } = new Dictionary<NamespaceKey, long>();

    /// <summary>How often a follower looks without having been woken; rarer by 10 ms for each namespace.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often whoever follows a log drops what is too old and compacts the rest.</summary>
    public TimeSpan UpkeepInterval { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How often whoever follows a log looks whether what was learned is to be stored: a kill loses no more of it, or than a sixteenth
    /// of all.</summary>
    public TimeSpan LearnedInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long one call may take before it counts as failed and is tried again.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long closing waits for what was accepted to be acknowledged.</summary>
    public TimeSpan FlushTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long whoever waits for the store waits for one that fails; null: as long as it takes.</summary>
    public TimeSpan? Patience { get; init; }

    /// <summary>Where the store is, as it may be shown: the connection string without its password.</summary>
    public string Name => ConfigurationOptions.Parse(Redis).ToString(includePassword: false);

    /// <summary>What is wrong with these options and how to mend it, or null.</summary>
    public string? Validate()
    {
        if (string.IsNullOrWhiteSpace(Redis))
        {
            return "The store's connection string is empty. Give HOST:PORT, or leave the option out for the embedded store.";
        }

        try
        {
            EndPointCollection servers = ConfigurationOptions.Parse(Redis).EndPoints;
            if (servers.Count == 0)
                return "The store's connection string names no server. Give HOST:PORT first.";
            if (servers.OfType<DnsEndPoint>().FirstOrDefault(server => server.Host.Contains(':', StringComparison.Ordinal)) is DnsEndPoint odd)
                return $"{odd.Host} is no server. Give HOST:PORT.";
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            return $"The store's connection string cannot be read: {exception.Message} Give HOST:PORT,name=value,….";
        }

        return AtLeast(QueueBytes, 64 << 10, nameof(QueueBytes)) ?? AtLeast(RetentionBytes, 64 << 10, nameof(RetentionBytes))
            ?? NamespaceBytes.Values.Select(bytes => AtLeast(bytes, 64 << 10, nameof(NamespaceBytes))).FirstOrDefault(problem => problem is not null)
            ?? Within(RetentionAge, LeastAge, MostAge, nameof(RetentionAge))
            ?? Within(PollInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1), nameof(PollInterval))
            ?? Within(UpkeepInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1), nameof(UpkeepInterval))
            ?? Within(LearnedInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1), nameof(LearnedInterval))
            ?? Within(Timeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1), nameof(Timeout))
            ?? Within(FlushTimeout, TimeSpan.Zero, TimeSpan.FromMinutes(1), nameof(FlushTimeout));
    }

    internal LogRetention RetentionOf(NamespaceKey @namespace) =>
        new(NamespaceBytes.TryGetValue(@namespace, out long bytes) ? bytes : RetentionBytes, RetentionAge);

    private static string? AtLeast(long value, long least, string name) =>
        value >= least ? null : string.Create(CultureInfo.InvariantCulture, $"{name} is {value}. Give at least {least}.");

    private static string? Within(TimeSpan value, TimeSpan least, TimeSpan most, string name) =>
        value >= least && value <= most ? null : string.Create(CultureInfo.InvariantCulture, $"{name} is {value}. Give {least} to {most}.");
}
