using System.Globalization;
using System.Security.Cryptography;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>Since when a log has gone on: another value after each deletion, and after a flush.</summary>
/// <param name="Value">As it is stored: what began it, when (milliseconds), and a random number.</param>
internal readonly record struct LogEpoch(string Value)
{
    private const string Opened = "opened", Deleted = "deleted";

    /// <summary>Whether it began with a deletion at this time or later: what is older may be kept nowhere.</summary>
    public bool IsDeletion(DateTimeOffset since) =>
        Value.Split('-') is [Deleted, string time, ..]
        && long.TryParse(time, NumberStyles.None, CultureInfo.InvariantCulture, out long milliseconds)
        && milliseconds >= since.ToUnixTimeMilliseconds();

    public static LogEpoch NewDeletion(DateTimeOffset now) => New(Deleted, now);

    /// <summary>The epoch of a log; null if it has none, because nothing was ever written or all was flushed.</summary>
    public static async Task<LogEpoch?> ReadAsync(IDatabase database, LogLayout layout) =>
        (string?)await database.StringGetAsync(layout.Epoch) is string value ? new LogEpoch(value) : null;

    /// <summary>The epoch of a log, begun if it has none.</summary>
    /// <param name="database">Where the log is.</param>
    /// <param name="layout">Its keys.</param>
    /// <param name="now">The time.</param>
    /// <param name="age">How long it is kept if nobody writes.</param>
    public static async Task<LogEpoch> OpenAsync(IDatabase database, LogLayout layout, DateTimeOffset now, TimeSpan age)
    {
        await database.StringSetAsync(layout.Epoch, New(Opened, now).Value, age, When.NotExists);
        return await ReadAsync(database, layout) ?? throw new RedisException("The log was flushed while it was opened.");
    }

    private static LogEpoch New(string kind, DateTimeOffset now) => new(string.Create(
        CultureInfo.InvariantCulture,
        $"{kind}-{now.ToUnixTimeMilliseconds()}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}"));
}
