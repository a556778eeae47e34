namespace Agentic.Proxy;

/// <summary>The values of <c>format</c> that are kept, as patterns. Others are annotations, as JSON Schema has it, and change
/// nothing.</summary>
internal static class StringFormats
{
    private const string Year = @"\d{4}";
    private const string LeapYear = @"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
    private const string Date = $"(?:{Year}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|"
        + $"02-(?:0[1-9]|1\\d|2[0-8]))|{LeapYear}-02-29)";

    private const string Time = @"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)";
    private const string DurationTime = @"T(?:\d{1,6}H(?:\d{1,6}M(?:\d{1,6}S)?)?|\d{1,6}M(?:\d{1,6}S)?|\d{1,6}S)";
    private const string DurationDate = @"(?:\d{1,6}Y(?:\d{1,6}M(?:\d{1,6}D)?)?|\d{1,6}M(?:\d{1,6}D)?|\d{1,6}D)";
    private const string Label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    private const string Byte = @"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)";
    private const string IpV4 = $@"{Byte}(?:\.{Byte}){{3}}";
    private const string H = "[0-9A-Fa-f]{1,4}";
    private const string Low = $"(?:{H}:{H}|{IpV4})";

    private static readonly Dictionary<string, string> Patterns = new()
    {
        ["date"] = Date,
        ["time"] = Time,
        ["date-time"] = $"{Date}T{Time}",
        ["duration"] = $@"P(?:{DurationDate}(?:{DurationTime})?|{DurationTime}|\d{{1,6}}W)",
        ["email"] = $@"[A-Za-z0-9_+-]{{1,32}}(?:\.[A-Za-z0-9_+-]{{1,15}}){{0,2}}@(?:{Label}\.){{1,3}}[A-Za-z]{{2,24}}",
        ["hostname"] = $@"{Label}(?:\.{Label}){{0,3}}",
        ["ipv4"] = IpV4,
        ["ipv6"] = $"(?:(?:{H}:){{6}}{Low}|::(?:{H}:){{5}}{Low}|(?:{H})?::(?:{H}:){{4}}{Low}|(?:(?:{H}:){{0,1}}{H})?::(?:{H}:){{3}}{Low}|"
            + $"(?:(?:{H}:){{0,2}}{H})?::(?:{H}:){{2}}{Low}|(?:(?:{H}:){{0,3}}{H})?::{H}:{Low}|(?:(?:{H}:){{0,4}}{H})?::{Low}|"
            + $"(?:(?:{H}:){{0,5}}{H})?::{H}|(?:(?:{H}:){{0,6}}{H})?::)",
        ["uuid"] = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    };

    /// <summary>The pattern of a format, or null.</summary>
    public static string? PatternOf(string format) => Patterns.TryGetValue(format, out string? pattern) ? $"^(?:{pattern})$" : null;
}
