using System.Globalization;
using System.Text;

namespace Agentic.Proxy;

internal static class NumberFilters
{
    public static FunctionTable AddTo(FunctionTable table) => table
        .Add("abs", "", static (v, _) => v is Undefined missing ? throw missing.Error() : PyType.IsNumber(v)
            ? PyNumber.Compare(v!, 0L) < 0 || v is double d && double.IsNegative(d) ? PyNumber.Negate(v!) : PyOperators.Unary("+", v)
            : throw JinjaException.Type($"bad operand type for abs(): '{PyType.Name(v)}'"))
        .Add("int", "default=, base=", static (v, a) => ToInteger(v, a.Or(0, 0L), a.Integer(1, 10)))
        .Add("float", "default=", static (v, a) => v switch
        {
            Undefined missing => throw missing.Error(),
            string or PyMarkup => ParseFloat(PyType.Text(v)!) ?? a.Or(0, 0.0),
            _ => PyType.IsNumber(v) ? PyNumber.ToDouble(v!) : a.Or(0, 0.0),
        })
        .Add("round", "precision=, method=", Round)
        .Add("filesizeformat", "binary=", static (v, a) => FileSize(v, a.IsTrue(0)));

    /// <summary>Python's <c>float(text)</c>; null where it is not a number.</summary>
    public static double? ParseFloat(string text)
    {
        string trimmed = StringMethods.Strip(text, null, left: true, right: true);
        string digits = WithoutUnderscores(trimmed);
        string word = digits.TrimStart('+', '-').ToLowerInvariant();
        if (word is "inf" or "infinity" && digits.Length - word.Length <= 1)
            return digits.StartsWith('-') ? double.NegativeInfinity : double.PositiveInfinity;
        if (word == "nan")
            return double.NaN;
        bool isNumber = digits.Any(char.IsAsciiDigit) && digits.All(c => char.IsAsciiDigit(c) || c is '.' or '+' or '-' or 'e' or 'E');
        return isNumber && double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : null;
    }

    private static object? ToInteger(object? value, object? fallback, long radix)
    {
        if (value is Undefined missing)
            throw missing.Error();
        if (PyType.Text(value) is { } text)
            return ParseInteger(text, radix)
                ?? (ParseFloat(text) is { } number && double.IsFinite(number) ? PyNumber.Truncate(number) : fallback);
        return value switch
        {
            bool b => b ? 1L : 0L,
            double d when double.IsNaN(d) => fallback,
            double d => PyNumber.Truncate(d),
            _ => PyType.IsNumber(value) ? value : fallback,
        };
    }

    /// <summary>Python's <c>int(text, radix)</c>; null where it is not a number.</summary>
    private static object? ParseInteger(string text, long radix)
    {
        string trimmed = StringMethods.Strip(text, null, left: true, right: true);
        bool negative = trimmed.StartsWith('-');
        string digits = trimmed is ['+' or '-', ..] ? trimmed[1..] : trimmed;
        long prefix = digits.Length > 1 && digits[0] == '0'
            ? char.ToLowerInvariant(digits[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 0 } : 0;
        if (radix == 0)
            radix = prefix == 0 ? 10 : prefix;
        if (radix is < 2 or > 36)
            return null;
        if (prefix == radix)
            digits = digits[2..].TrimStart('_');
        digits = WithoutUnderscores(digits);
        if (digits.Length == 0 || !digits.All(c => PyNumber.DigitValue(c) < radix))
            return null;
        object value = PyNumber.ParseDigits(digits, (int)radix);
        return negative ? PyNumber.Negate(value) : value;
    }

    /// <summary>Single underscores between digits are allowed; others stay, and are no digits.</summary>
    private static string WithoutUnderscores(string digits)
    {
        if (!digits.Contains('_', StringComparison.Ordinal))
            return digits;
        StringBuilder result = new(digits.Length);
        for (int i = 0; i < digits.Length; i++)
        {
            bool between = i > 0 && i + 1 < digits.Length && char.IsAsciiLetterOrDigit(digits[i - 1])
                && char.IsAsciiLetterOrDigit(digits[i + 1]);
            if (digits[i] != '_' || !between)
                result.Append(digits[i]);
        }

        return result.ToString();
    }

    private static object? Round(object? value, Bound a)
    {
        string method = a.Text(1, "round") ?? "common";
        if (method is not ("common" or "ceil" or "floor"))
            throw JinjaException.Filter("method must be common, ceil or floor");
        if (value is Undefined missing)
            throw missing.Error();
        if (!PyType.IsNumber(value))
            throw JinjaException.Type($"type {PyType.Name(value)} doesn't define __round__ method");
        long precision = a.Integer(0, 0);
        if (method == "common")
            return value is double d ? PyFloat.Round(d, precision) : RoundInteger(value!, precision);
        object scale = PyNumber.Calculate("**", 10L, precision);
        double scaled = PyNumber.ToDouble(PyNumber.Calculate("*", value!, scale));
        return PyNumber.Calculate("/", PyNumber.Truncate(method == "ceil" ? Math.Ceiling(scaled) : Math.Floor(scaled)), scale);
    }

    private static object RoundInteger(object value, long precision)
    {
        if (precision >= 0)
            return PyOperators.Unary("+", value);
        object unit = PyNumber.Calculate("**", 10L, -Math.Max(precision, -400));
        object rest = PyNumber.Calculate("%", value, unit);
        object down = PyNumber.Calculate("-", value, rest);
        int half = PyNumber.Compare(PyNumber.Calculate("*", rest, 2L), unit);
        bool up = half > 0 || (half == 0 && PyNumber.Compare(PyNumber.Calculate("%", PyNumber.Calculate("//", down, unit), 2L), 0L) != 0);
        return up ? PyNumber.Calculate("+", down, unit) : down;
    }

    private static string FileSize(object? value, bool binary)
    {
        double size = (PyType.Text(value) is { } text ? ParseFloat(text) : PyType.IsNumber(value) ? PyNumber.ToDouble(value!) : null)
            ?? throw JinjaException.Value($"could not convert string to float: {PyText.Repr(value)}");
        double unit = binary ? 1024 : 1000;
        if (size == 1)
            return "1 Byte";
        if (size < unit)
            return $"{PyText.Repr(PyNumber.Truncate(size))} Bytes";
        string[] prefixes = binary ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
            : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
        int power = 0;
        double scale = unit * unit;
        for (; size >= scale && power < prefixes.Length - 1; power++)
            scale *= unit;
        return $"{PyFloat.Fixed(unit * size / scale, 1)} {prefixes[power]}";
    }
}
