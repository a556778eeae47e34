using System.Globalization;
using System.Text;

namespace Agentic.Proxy;

/// <summary>Python's <c>%</c> on strings.</summary>
internal static class PyFormat
{
    /// <param name="format">A string or markup; markup escapes what it is given.</param>
    /// <param name="argument">A tuple of arguments, a dict for <c>%(name)s</c>, or the only argument.</param>
    public static object Percent(object? format, object? argument)
    {
        string text = PyType.Text(format)!;
        StringBuilder result = new(text.Length + 16);
        object?[]? arguments = (argument as PyTuple)?.Items;
        int next = 0;
        bool mapped = false;
        object? Take()
        {
            if (arguments is null)
                return next++ == 0 ? argument : throw JinjaException.Type("not enough arguments for format string");
            return next < arguments.Length ? arguments[next++] : throw JinjaException.Type("not enough arguments for format string");
        }

        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != '%')
            {
                result.Append(text[i]);
                continue;
            }

            FormatSpec spec = new();
            i++;
            object? named = null;
            bool hasName = false;
            if (i < text.Length && text[i] == '(')
            {
                int close = text.IndexOf(')', i);
                if (close < 0)
                    throw JinjaException.Value("incomplete format key");
                if (argument is not PyDict dict)
                    throw JinjaException.Type("format requires a mapping");
                string key = text[(i + 1)..close];
                if (!dict.TryGet(key, out named))
                    throw new JinjaException("KeyError", PyText.Repr(key));
                hasName = mapped = true;
                i = close + 1;
            }

            for (; i < text.Length && text[i] is '-' or '+' or ' ' or '#' or '0'; i++)
                spec.Flag(text[i]);
            spec.Width = Amount(text, ref i, Take);
            if (i < text.Length && text[i] == '.')
            {
                i++;
                spec.Precision = Math.Max(Amount(text, ref i, Take), 0);
            }

            if (spec.Width < -1)
            {
                spec.Flag('-');
                spec.Width = -spec.Width;
            }

            while (i < text.Length && text[i] is 'l' or 'h' or 'L')
                i++;
            if (i >= text.Length)
                throw JinjaException.Value("incomplete format");
            if (text[i] == '%')
            {
                result.Append('%');
                continue;
            }

            object? value = hasName ? named : Take();
            string part = Conversion(spec, text[i], i, value, format is PyMarkup);
            Budget.Current.ChargeText(part.Length);
            Budget.Current.CheckLength(result.Length + part.Length);
            result.Append(part);
        }

        bool all = arguments is null ? next > 0 || mapped || argument is PyDict or List<object?> or PyRange or Undefined : next >= arguments.Length;
        if (!all)
            throw JinjaException.Type("not all arguments converted during string formatting");
        return format is PyMarkup ? new PyMarkup(result.ToString()) : result.ToString();
    }

    private static int Amount(string text, ref int i, Func<object?> take)
    {
        if (i < text.Length && text[i] == '*')
        {
            i++;
            object? width = take();
            return PyType.IsInteger(width) ? (int)FormatSpec.Bounded(PyType.Index(width)) : throw JinjaException.Type("* wants int");
        }

        int start = i;
        while (i < text.Length && char.IsAsciiDigit(text[i]))
            i++;
        ReadOnlySpan<char> digits = text.AsSpan(start, i - start);
        long amount = long.TryParse(digits, CultureInfo.InvariantCulture, out long n) ? n : long.MaxValue;
        return i == start ? -1 : (int)FormatSpec.Bounded(amount);
    }

    private static string Conversion(FormatSpec spec, char type, int at, object? value, bool escapes)
    {
        switch (type)
        {
            case 's' or 'r' or 'a':
                object? shown = type == 's' ? value : PyText.Repr(value);
                string text = escapes ? Html.Escape(shown) : PyText.Str(shown);
                return spec.Pad(spec.Cut(text), spec.LeftAligned ? '<' : '>', ' ');
            case 'c':
                string character = PyType.IsInteger(value)
                    ? Rune.IsValid((int)FormatSpec.Bounded(PyType.Index(value))) ? new Rune((int)PyType.Index(value)).ToString()
                    : throw JinjaException.Overflow("%c arg not in range(0x110000)")
                    : PyType.Text(value) is { } s && PyString.Length(s) == 1 ? s : throw JinjaException.Type("%c requires int or char");
                return spec.Pad(character, spec.LeftAligned ? '<' : '>', ' ');
            case 'd' or 'i' or 'u':
                if (value is Undefined undefined)
                    throw undefined.Error();
                if (!PyType.IsNumber(value))
                    throw JinjaException.Type($"%{type} format: a real number is required, not {PyType.Name(value)}");
                object whole = value is double d ? PyNumber.Truncate(d) : value!;
                return spec.Integer(PyNumber.ToBig(whole), 'd');
            case 'x' or 'X' or 'o':
                if (!PyType.IsInteger(value))
                    throw JinjaException.Type($"%{type} format: an integer is required, not {PyType.Name(value)}");
                return spec.Integer(PyNumber.ToBig(value!), type);
            case 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                if (value is Undefined missing)
                    throw missing.Error();
                if (!PyType.IsNumber(value))
                    throw JinjaException.Type($"must be real number, not {PyType.Name(value)}");
                return spec.Float(PyNumber.ToDouble(value!), type);
            default:
                throw JinjaException.Value($"unsupported format character '{type}' (0x{(int)type:x}) at index {at}");
        }
    }
}
