using System.Globalization;
using System.Text;

namespace Agentic.Proxy;

/// <summary>C's <c>strftime</c> in the C locale, with glibc's <c>-</c>, <c>_</c>, <c>0</c>, <c>^</c> and <c>#</c> flags.</summary>
internal static class Strftime
{
    public static string Format(DateTimeOffset time, string format)
    {
        StringBuilder result = new(format.Length + 16);
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                result.Append(format[i]);
                continue;
            }

            int start = i++;
            char flag = format[i] is '-' or '_' or '0' or '^' or '#' && i + 1 < format.Length ? format[i++] : '\0';
            string text = Directive(time, format[i], flag) ?? format[start..(i + 1)];
            result.Append(flag == '^' ? text.ToUpperInvariant() : text);
            Budget.Current.ChargeText(text.Length);
            Budget.Current.CheckLength(result.Length);
        }

        return result.ToString();
    }

    private static string? Directive(DateTimeOffset time, char directive, char flag)
    {
        CultureInfo c = CultureInfo.InvariantCulture;
        string Number(int value, int width, char pad = '0') => value.ToString(c).PadLeft(
            flag == '-' ? 0 : width, flag switch { '_' => ' ', '0' => '0', _ => pad });
        int hour12 = (time.Hour + 11) % 12 + 1;
        int week(int firstDay) => (time.DayOfYear + 6 - ((int)time.DayOfWeek - firstDay + 7) % 7) / 7;
        return directive switch
        {
            'Y' => time.Year.ToString(c),
            'y' => Number(time.Year % 100, 2),
            'C' => Number(time.Year / 100, 2),
            'G' => ISOWeek.GetYear(time.DateTime).ToString(c),
            'g' => Number(ISOWeek.GetYear(time.DateTime) % 100, 2),
            'm' => Number(time.Month, 2),
            'B' => time.ToString("MMMM", c),
            'b' or 'h' => time.ToString("MMM", c),
            'd' => Number(time.Day, 2),
            'e' => Number(time.Day, 2, ' '),
            'j' => Number(time.DayOfYear, 3),
            'A' => time.ToString("dddd", c),
            'a' => time.ToString("ddd", c),
            'u' => time.DayOfWeek == DayOfWeek.Sunday ? "7" : ((int)time.DayOfWeek).ToString(c),
            'w' => ((int)time.DayOfWeek).ToString(c),
            'U' => Number(week(0), 2),
            'W' => Number(week(1), 2),
            'V' => Number(ISOWeek.GetWeekOfYear(time.DateTime), 2),
            'H' => Number(time.Hour, 2),
            'k' => Number(time.Hour, 2, ' '),
            'I' => Number(hour12, 2),
            'l' => Number(hour12, 2, ' '),
            'M' => Number(time.Minute, 2),
            'S' => Number(time.Second, 2),
            'f' => time.ToString("ffffff", c),
            'p' => flag == '#' ? time.ToString("tt", c).ToLowerInvariant() : time.ToString("tt", c),
            'P' => time.ToString("tt", c).ToLowerInvariant(),
            's' => time.ToUnixTimeSeconds().ToString(c),
            'F' => time.ToString("yyyy-MM-dd", c),
            'D' or 'x' => time.ToString("MM/dd/yy", c),
            'T' or 'X' => time.ToString("HH:mm:ss", c),
            'R' => time.ToString("HH:mm", c),
            'r' => time.ToString("hh:mm:ss tt", c),
            'c' => $"{time.ToString("ddd MMM", c)} {time.Day,2} {time.ToString("HH:mm:ss yyyy", c)}",
            'z' or 'Z' => "",
            'n' => "\n",
            't' => "\t",
            '%' => "%",
            _ => null,
        };
    }
}
