using System.Buffers;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Agentic.Proxy;

/// <summary>How one value is to be laid out: Python's format specification, shared by <c>%</c> and <c>str.format</c>.</summary>
internal sealed class FormatSpec
{
    private const int MaxWidth = 100_000;

    private static readonly SearchValues<char> WholeDigits = SearchValues.Create("0123456789abcdefABCDEF");

    private bool _alternate;
    private char _grouping;
    private char _type;

    public string Fill { get; private set; } = " ";

    /// <summary>One of <c>&lt; &gt; ^ =</c>, or 0 for the type's own.</summary>
    public char Align { get; set; }

    /// <summary>One of <c>- + space</c>.</summary>
    public char Sign { get; private set; } = '-';

    public bool Zero { get; private set; }

    public bool LeftAligned { get; private set; }

    /// <summary>-1 where there is none.</summary>
    public int Width { get; set; } = -1;

    /// <summary>-1 where there is none.</summary>
    public int Precision { get; set; } = -1;

    /// <summary>A width or precision that is worth computing.</summary>
    public static long Bounded(long amount) =>
        Math.Abs(Math.Max(amount, -long.MaxValue)) <= MaxWidth ? amount
            : throw JinjaException.Limit($"a format of width or precision {amount} is beyond {MaxWidth}");

    /// <summary>A flag of the percent form.</summary>
    public void Flag(char flag)
    {
        LeftAligned |= flag == '-';
        Zero |= flag == '0';
        _alternate |= flag == '#';
        if (flag == '+' || (flag == ' ' && Sign != '+'))
            Sign = flag;
    }

    /// <summary>The part after the colon of a replacement field.</summary>
    public static FormatSpec Parse(string text)
    {
        FormatSpec spec = new();
        int at = 0;
        char Peek() => at < text.Length ? text[at] : '\0';
        bool filled = false;
        int fill = text.Length > 0 && char.IsHighSurrogate(text[0]) ? 2 : 1;
        if (text.Length > fill && text[fill] is '<' or '>' or '^' or '=')
        {
            spec.Fill = text[..fill];
            spec.Align = text[fill];
            at = fill + 1;
            filled = true;
        }
        else if (Peek() is '<' or '>' or '^' or '=')
        {
            spec.Align = text[at++];
        }

        if (Peek() is '-' or '+' or ' ')
            spec.Sign = text[at++];
        if (Peek() == 'z')
            at++;
        if (Peek() == '#')
        {
            spec._alternate = true;
            at++;
        }

        if (Peek() == '0')
        {
            spec.Zero = spec.Align == '\0';
            if (!filled)
                spec.Fill = "0";
            at++;
        }

        spec.Width = Digits(text, ref at);
        if (Peek() is ',' or '_')
            spec._grouping = text[at++];
        if (Peek() == '.')
        {
            at++;
            spec.Precision = Digits(text, ref at);
            if (spec.Precision < 0)
                throw JinjaException.Value("Format specifier missing precision");
        }

        if (at < text.Length)
            spec._type = text[at++];
        if (at < text.Length)
            throw JinjaException.Value("Invalid format specifier");
        return spec;
    }

    /// <summary>Lays out a value as <c>format(value, spec)</c> does.</summary>
    public string Format(object? value)
    {
        if (PyType.Text(value) is { } text)
        {
            if (_type is not ('\0' or 's'))
                throw Unknown(value);
            if (Align == '=')
                throw JinjaException.Value("'=' alignment not allowed in string format specifier");
            return Pad(Cut(text), Align == '\0' ? '<' : Align, Fill);
        }

        if (value is bool && _type == '\0' && Width < 0)
            return PyText.Str(value);
        if (PyType.IsInteger(value) && _type is '\0' or 'd' or 'n' or 'b' or 'o' or 'x' or 'X' or 'c')
        {
            if (_type == 'c')
                return Pad(new Rune((int)Math.Clamp(PyType.Index(value), 0, 0xd7ff)).ToString(), Align == '\0' ? '<' : Align, Fill);
            if (Precision >= 0)
                throw JinjaException.Value("Precision not allowed in integer format specifier");
            return Integer(PyNumber.ToBig(value!), _type is '\0' or 'n' ? 'd' : _type);
        }

        if (PyType.IsNumber(value))
        {
            if (_type is not ('\0' or 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or 'n' or '%'))
                throw Unknown(value);
            return Float(PyNumber.ToDouble(value!), _type);
        }

        throw JinjaException.Type($"unsupported format string passed to {PyType.Name(value)}.__format__");
    }

    public string Cut(string text) => Precision >= 0 ? text[..PyString.Offset(text, Precision)] : text;

    public string Integer(BigInteger value, char type)
    {
        BigInteger magnitude = BigInteger.Abs(value);
        string digits = type switch
        {
            'x' => Radix(magnitude, 16),
            'X' => Radix(magnitude, 16).ToUpperInvariant(),
            'o' => Radix(magnitude, 8),
            'b' => Radix(magnitude, 2),
            _ => PyNumber.ToDecimal(magnitude),
        };
        string prefix = _alternate && type != 'd' ? $"0{type}" : "";
        return Lay(value.Sign < 0, prefix, digits.PadLeft(Math.Max(Precision, 0), '0'), type == 'd' ? 3 : 4);
    }

    public string Float(double value, char type)
    {
        string suffix = type == '%' ? "%" : "";
        string digits;
        if (!double.IsFinite(value))
            digits = PyFloat.NotFinite(Math.Abs(value));
        else if (type is 'f' or 'F' or '%')
            digits = PyFloat.Fixed(type == '%' ? value * 100 : value, Precision < 0 ? 6 : Precision);
        else if (type is 'e' or 'E')
            digits = Scientific(value, Precision < 0 ? 6 : Precision);
        else if (type == '\0' && Precision < 0)
            digits = PyFloat.Repr(Math.Abs(value));
        else
            digits = General(value, Math.Max(Precision < 0 ? 6 : Precision, 1), type);
        if (char.IsAsciiLetterUpper(type))
            digits = digits.ToUpperInvariant();
        return Lay(double.IsNegative(value) && !double.IsNaN(value), "", digits + suffix, 3);
    }

    public string Pad(string text, char align, char fill) => Pad(text, align, fill.ToString());

    private string Pad(string text, char align, string fill)
    {
        int missing = Width - PyString.Length(text);
        if (missing <= 0)
            return text;
        int before = align switch { '<' => 0, '^' => missing / 2, _ => missing };
        return PyOperators.Repeat(fill, before) + text + PyOperators.Repeat(fill, missing - before);
    }

    private string Lay(bool negative, string prefix, string digits, int group)
    {
        string sign = (negative ? "-" : Sign == '-' ? "" : Sign.ToString()) + prefix;
        if (_grouping != '\0')
            digits = Group(digits, group);
        if (LeftAligned)
            return Pad(sign + digits, '<', ' ');
        if (Align == '=' || (Zero && Align == '\0'))
            return sign + PyOperators.Repeat(Zero ? "0" : Fill, Width - sign.Length - digits.Length) + digits;
        return Pad(sign + digits, Align == '\0' ? '>' : Align, Fill);
    }

    private string Group(string digits, int size)
    {
        int whole = digits.AsSpan().IndexOfAnyExcept(WholeDigits) is var end and >= 0 ? end : digits.Length;
        StringBuilder result = new(digits.Length + digits.Length / size);
        for (int i = 0; i < whole; i++)
        {
            if (i > 0 && (whole - i) % size == 0)
                result.Append(_grouping);
            result.Append(digits[i]);
        }

        return result.Append(digits, whole, digits.Length - whole).ToString();
    }

    private string Scientific(double value, int decimals)
    {
        (string digits, int exponent) = PyFloat.Significant(value, decimals + 1);
        return digits[..1] + (decimals > 0 || _alternate ? "." + digits[1..] : "") + PyFloat.Exponent(exponent);
    }

    private string General(double value, int precision, char type)
    {
        int exponent = PyFloat.Significant(value, precision).Exponent;
        bool scientific = exponent < -4 || exponent >= (type == '\0' ? precision - 1 : precision);
        string text = scientific ? Scientific(value, precision - 1) : PyFloat.Fixed(value, Math.Max(precision - 1 - exponent, 0));
        if (_alternate)
            return text;
        int end = text.IndexOf('e', StringComparison.Ordinal) is var e and >= 0 ? e : text.Length;
        string mantissa = text[..end];
        if (mantissa.Contains('.', StringComparison.Ordinal))
            mantissa = mantissa.TrimEnd('0').TrimEnd('.');
        if (type == '\0' && !scientific && !mantissa.Contains('.', StringComparison.Ordinal))
            mantissa += ".0";
        return mantissa + text[end..];
    }

    private static string Radix(BigInteger value, int radix)
    {
        if (value.IsZero)
            return "0";
        if (radix == 16)
            return value.ToString("x", CultureInfo.InvariantCulture).TrimStart('0');
        string bits = value.ToString("b", CultureInfo.InvariantCulture).TrimStart('0');
        if (radix == 2)
            return bits;
        bits = bits.PadLeft((bits.Length + 2) / 3 * 3, '0');
        return string.Create(bits.Length / 3, bits, static (digits, bits) =>
        {
            for (int i = 0; i < digits.Length; i++)
                digits[i] = (char)('0' + ((bits[3 * i] & 1) << 2 | (bits[3 * i + 1] & 1) << 1 | bits[3 * i + 2] & 1));
        });
    }

    private static int Digits(string text, ref int at)
    {
        int start = at;
        while (at < text.Length && char.IsAsciiDigit(text[at]))
            at++;
        if (at == start)
            return -1;
        return (int)Bounded(long.TryParse(text.AsSpan(start, at - start), CultureInfo.InvariantCulture, out long n) ? n : long.MaxValue);
    }

    private JinjaException Unknown(object? value) =>
        JinjaException.Value($"Unknown format code '{_type}' for object of type '{PyType.Name(value)}'");
}
