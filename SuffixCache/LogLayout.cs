using System.Globalization;
using System.Security.Cryptography;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>The keys of one namespace's log. All carry the namespace as hash tag, so that a cluster keeps them in one slot.</summary>
/// <remarks>
/// The log is a set of segments, each a list written by one server only: a reader's place in one never shifts, the oldest goes by deleting
/// a key, and two servers never wait for one another. Names begin with the time a segment was opened, so their order is the log's.
/// </remarks>
internal sealed class LogLayout(NamespaceKey @namespace)
{
    private const int NameLength = 12 + 1 + 16;   // milliseconds, dash, random; hexadecimal
    private readonly string _prefix = $"agentic:{{{@namespace}}}:";

    /// <summary>Hash: name of a segment → its bytes.</summary>
    public RedisKey Segments => _prefix + "segments";

    /// <summary>List of entries, oldest first.</summary>
    public RedisKey Segment(string name) => _prefix + "segment:" + name;

    public static string NewSegment(DateTimeOffset now) => string.Create(
        CultureInfo.InvariantCulture, $"{now.ToUnixTimeMilliseconds():x12}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}");

    /// <summary>The segments by age, without what is not ours.</summary>
    public static List<(string Name, long Bytes)> Order(HashEntry[] segments) =>
    [
        .. segments
            .Select(entry => (Name: (string)entry.Name!, Bytes: entry.Value.TryParse(out long bytes) ? bytes : 0))
            .Where(segment => segment.Name.Length == NameLength && segment.Name[12] == '-')
            .OrderBy(segment => segment.Name, StringComparer.Ordinal),
    ];
}
