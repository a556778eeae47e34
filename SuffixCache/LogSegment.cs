using System.Globalization;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>A segment as the log lists it.</summary>
/// <param name="Name">Begins with the time it was opened, so that the order of names is the log's; then says who writes it.</param>
/// <param name="Bytes">Of its entries.</param>
/// <param name="Replaces">What it was compacted from: whoever has read all of it need not read this.</param>
internal readonly record struct LogSegment(string Name, long Bytes, IReadOnlyList<ReplacedSegment> Replaces)
{
    private const int TimeLength = 12, WriterLength = 16;   // milliseconds and the writer's id; hexadecimal, with a dash between
    private const long MostBytes = 1L << 48;                // more is no number of ours

    public DateTimeOffset Opened =>
        DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(Name.AsSpan(0, TimeLength), NumberStyles.HexNumber, CultureInfo.InvariantCulture));

    /// <summary>Who writes it: the same process in all segments with the same.</summary>
    public string Writer => Name[(TimeLength + 1)..];

    /// <summary>Whether it was compacted from others.</summary>
    public bool IsCompacted => Replaces.Count > 0;

    /// <summary>What the log lists of it.</summary>
    public string Listed => string.Create(CultureInfo.InvariantCulture, $"{Bytes}{string.Concat(Replaces.Select(r => $" {r.Name}={r.Bytes}"))}");

    /// <summary>Whether a writer gave this name.</summary>
    public static bool IsOf(string name, ulong writer) => IsName(name)
        && ulong.TryParse(name.AsSpan(TimeLength + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong by) && by == writer;

    public static string NameOf(long openedMilliseconds, ulong writer) =>
        string.Create(CultureInfo.InvariantCulture, $"{openedMilliseconds:x12}-{writer:x16}");

    /// <summary>The segments by age, without what is not ours.</summary>
    public static List<LogSegment> Order(HashEntry[] listed) =>
    [
        .. listed.Where(entry => IsName((string?)entry.Name)).Select(Parse).OrderBy(segment => segment.Name, StringComparer.Ordinal),
    ];

    private static LogSegment Parse(HashEntry entry)
    {
        string[] words = ((string?)entry.Value ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        bool isNumber = long.TryParse(words.FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out long bytes);
        return new LogSegment(entry.Name!, isNumber && bytes <= MostBytes ? bytes : 0, [.. words.Skip(1).Select(ReplacedSegment.Parse)]);
    }

    private static bool IsName(string? text) => text is { Length: TimeLength + 1 + WriterLength } && text[TimeLength] == '-'
        && text[0] < '8'   // beyond lies no date
        && !text.AsSpan(0, TimeLength).ContainsAnyExcept(LogLayout.HexDigits)
        && !text.AsSpan(TimeLength + 1).ContainsAnyExcept(LogLayout.HexDigits);
}

/// <summary>A segment that another was compacted from.</summary>
/// <param name="Name">As it was listed.</param>
/// <param name="Bytes">It had in the end.</param>
internal readonly record struct ReplacedSegment(string Name, long Bytes)
{
    /// <summary>Reads name=bytes; what is damaged counts as never read.</summary>
    public static ReplacedSegment Parse(string word) =>
        word.Split('=') is [string name, string text] && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes)
            ? new ReplacedSegment(name, bytes)
            : new ReplacedSegment(word, long.MaxValue);
}
