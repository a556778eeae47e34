using System.Globalization;
using System.Text.RegularExpressions;

namespace Agentic.Proxy;

/// <summary>Lengths of time as people write them: 30d, 12h, 90m.</summary>
internal static partial class Duration
{
    /// <summary>Null if it is no length of time, or none that fits.</summary>
    public static TimeSpan? Parse(string text)
    {
        Match match = Length().Match(text);
        if (!match.Success)
            return null;
        double seconds = double.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture) * char.ToLowerInvariant(match.Groups["unit"].Value[0]) switch
        {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => 86400,
        };
        return seconds < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(seconds) : null;
    }

    [GeneratedRegex(@"^\s*(?<number>[0-9]+(\.[0-9]+)?)\s*(?<unit>[smhd])\s*$", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex Length();
}
