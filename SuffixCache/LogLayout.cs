using System.Buffers;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>The keys of one namespace's log. All carry the namespace as hash tag, so that a cluster keeps them in one slot.</summary>
/// <remarks>
/// The log is a set of segments, each a list written by one server only: a reader's place in one never shifts, the oldest goes by deleting
/// a key, and two servers never wait for one another. Its epoch is another one after a deletion or a flush, and nothing is written to a log
/// whose epoch is not the one the writer knows: what was deleted stays deleted.
/// </remarks>
internal sealed class LogLayout(NamespaceKey @namespace)
{
    private const string Start = "agentic:{", Middle = "}:";

    /// <summary>What every namespace's <see cref="Segments"/> looks like.</summary>
    public const string AnySegments = Start + "*" + Middle + "segments";

    /// <summary>Where writers say, after each entry, whose log has grown.</summary>
    public static RedisChannel Appended { get; } = RedisChannel.Literal("agentic:appended");

    public static SearchValues<char> HexDigits { get; } = SearchValues.Create("0123456789abcdef");

    private readonly string _prefix = Start + @namespace + Middle;

    /// <summary>String: see <see cref="LogEpoch"/>.</summary>
    public RedisKey Epoch => _prefix + "epoch";

    /// <summary>Hash: name of a segment → its bytes; of a compacted one followed by the names it replaces.</summary>
    public RedisKey Segments => _prefix + "segments";

    /// <summary>String, for a while: who compacts the log.</summary>
    public RedisKey Upkeep => _prefix + "upkeep";

    /// <summary>What <see cref="Segments"/> was, while the segments of a deleted log are being deleted.</summary>
    public RedisKey Trash => _prefix + "trash";

    /// <summary>List of entries, oldest first.</summary>
    public RedisKey Segment(string name) => _prefix + "segment:" + name;

    /// <summary>Whose segments a key holds; false for a key that is not ours.</summary>
    public static bool TryParse(string segments, out NamespaceKey @namespace)
    {
        @namespace = default;
        string end = Middle + "segments";
        if (!segments.StartsWith(Start, StringComparison.Ordinal) || !segments.EndsWith(end, StringComparison.Ordinal))
            return false;
        ReadOnlySpan<char> hex = segments.AsSpan(Start.Length, segments.Length - Start.Length - end.Length);
        if (hex.Length != 2 * NamespaceKey.Length || hex.ContainsAnyExcept(HexDigits))
            return false;
        @namespace = NamespaceKey.Parse(hex.ToString());
        return true;
    }
}
