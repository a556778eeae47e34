using System.Globalization;
using System.Text.RegularExpressions;

namespace Agentic.Proxy;

/// <summary>Amounts of memory as people write them: 512MiB, 1.5G, 800000000.</summary>
internal static partial class ByteSize
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>Bytes; K, M, G and T are powers of 1,024 with or without "iB", and KB, MB, GB, TB too. Null if it is no amount, or none
    /// that fits.</summary>
    public static long? Parse(string text)
    {
        Match match = Amount().Match(text);
        if (!match.Success)
            return null;
        int power = match.Groups["unit"].Value is { Length: > 0 } unit
            ? "kmgt".IndexOf(char.ToLowerInvariant(unit[0]), StringComparison.Ordinal) + 1 : 0;
        double bytes = double.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture) * Math.Pow(1024, power);
        return bytes < long.MaxValue ? (long)bytes : null;
    }

    public static string Format(long bytes)
    {
        double amount = bytes;
        int unit = 0;
        for (; amount >= 1024 && unit < Units.Length - 1; unit++)
            amount /= 1024;
        return string.Create(CultureInfo.InvariantCulture, $"{amount:0.#} {Units[unit]}");
    }

    [GeneratedRegex(@"^\s*(?<number>[0-9]+(\.[0-9]+)?)\s*((?<unit>[kmgt])(i?b)?|b)?\s*$",
        RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex Amount();
}
