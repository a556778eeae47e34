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

    /// <summary>What every namespace's keys look like.</summary>
    public const string AnyKey = Start + "*" + Middle + "*";

    /// <summary>Where writers say, after each entry, whose log has grown.</summary>
    public static RedisChannel Appended { get; } = RedisChannel.Literal("agentic:appended");

    /// <summary>Written by one process to see whether it can.</summary>
    public static RedisKey Probe(ulong writer) => $"agentic:probe:{writer:x16}";

    public static SearchValues<char> HexDigits { get; } = SearchValues.Create("0123456789abcdef");

    private readonly string _prefix = Start + @namespace + Middle;

    /// <summary>String: see <see cref="LogEpoch"/>.</summary>
    public RedisKey Epoch => _prefix + "epoch";

    /// <summary>Hash: name of a segment → its bytes; of a compacted one followed by the names it replaces.</summary>
    public RedisKey Segments => _prefix + "segments";

    /// <summary>String, for a while: who compacts the log.</summary>
    public RedisKey Upkeep => _prefix + "upkeep";

    /// <summary>String: what was learned of the namespace, see <see cref="LearnedCodec"/>.</summary>
    public RedisKey Learned => _prefix + "learned";

    /// <summary>What <see cref="Segments"/> was, while the segments of a deleted log are being deleted.</summary>
    public RedisKey Trash => _prefix + "trash";

    /// <summary>List of entries, oldest first.</summary>
    public RedisKey Segment(string name) => _prefix + "segment:" + name;

    /// <summary>Whose log a key begins: <see cref="Epoch"/> or <see cref="Segments"/>; false for any other key.</summary>
    public static bool TryParse(string key, out NamespaceKey @namespace)
    {
        const int Digits = 2 * NamespaceKey.Length;
        @namespace = default;
        if (!key.StartsWith(Start, StringComparison.Ordinal) || key.Length < Start.Length + Digits
            || key[(Start.Length + Digits)..] is not (Middle + "epoch" or Middle + "segments"))
        {
            return false;
        }

        string hex = key.Substring(Start.Length, Digits);
        if (hex.AsSpan().ContainsAnyExcept(HexDigits))
            return false;
        @namespace = NamespaceKey.Parse(hex);
        return true;
    }
}
