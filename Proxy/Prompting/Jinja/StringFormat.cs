using System.Globalization;
using System.Text;

namespace Agentic.Proxy;

/// <summary>Python's <c>str.format</c>, with attributes and items looked up as in templates.</summary>
internal static class StringFormat
{
    /// <param name="format">Text with replacement fields.</param>
    /// <param name="arguments">What the fields name.</param>
    /// <param name="escapes">Whether values are escaped, as markup does it.</param>
    public static string Format(string format, Arguments arguments, bool escapes)
    {
        int automatic = 0;
        return Expand(format, arguments, escapes, ref automatic, depth: 2);
    }

    private static string Expand(string format, Arguments arguments, bool escapes, ref int automatic, int depth)
    {
        if (depth == 0)
            throw JinjaException.Value("Max string recursion exceeded");
        StringBuilder result = new(format.Length + 16);
        for (int i = 0; i < format.Length; i++)
        {
            char c = format[i];
            bool doubled = i + 1 < format.Length && format[i + 1] == c;
            if (c is not ('{' or '}'))
            {
                result.Append(c);
            }
            else if (doubled)
            {
                result.Append(c);
                i++;
            }
            else if (c == '}')
            {
                throw JinjaException.Value("Single '}' encountered in format string");
            }
            else
            {
                int end = FieldEnd(format, i + 1);
                string part = Field(format[(i + 1)..end], arguments, escapes, ref automatic, depth);
                Budget.Current.ChargeText(part.Length);
                Budget.Current.CheckLength(result.Length + part.Length);
                result.Append(part);
                i = end;
            }
        }

        return result.ToString();
    }

    private static int FieldEnd(string format, int start)
    {
        int open = 1;
        for (int i = start; i < format.Length; i++)
        {
            open += format[i] switch { '{' => 1, '}' => -1, _ => 0 };
            if (open == 0)
                return i;
        }

        throw JinjaException.Value(start == format.Length ? "Single '{' encountered in format string"
            : "expected '}' before end of string");
    }

    private static string Field(string field, Arguments arguments, bool escapes, ref int automatic, int depth)
    {
        int bracket = 0;
        int split = -1;
        for (int i = 0; i < field.Length && split < 0; i++)
        {
            bracket += field[i] switch { '[' => 1, ']' => -1, _ => 0 };
            if (field[i] is '!' or ':' && bracket <= 0)
                split = i;
        }

        string name = split < 0 ? field : field[..split];
        string rest = split < 0 ? "" : field[split..];
        object? value = Lookup(name, arguments, ref automatic);
        if (rest.StartsWith('!'))
        {
            if (rest.Length < 2 || (rest.Length > 2 && rest[2] != ':'))
                throw JinjaException.Value("expected ':' after conversion specifier");
            value = rest[1] switch
            {
                's' => PyText.Str(value),
                'r' or 'a' => PyText.Repr(value),
                char other => throw JinjaException.Value($"Unknown conversion specifier {other}"),
            };
            rest = rest[2..];
        }

        string spec = rest.Length > 1 ? Expand(rest[1..], arguments, escapes, ref automatic, depth - 1) : "";
        if (spec.Length == 0)
            return escapes ? Html.Escape(value) : PyText.Str(value);
        string text = FormatSpec.Parse(spec).Format(value);
        return escapes && value is not PyMarkup ? Html.Escape(text) : text;
    }

    private static object? Lookup(string name, Arguments arguments, ref int automatic)
    {
        int end = name.AsSpan().IndexOfAny('.', '[');
        string first = end < 0 ? name : name[..end];
        object? value;
        if (first.Length == 0 || int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            int index = first.Length == 0 ? automatic++ : int.Parse(first, CultureInfo.InvariantCulture);
            if (index >= arguments.Positional.Length)
                throw new JinjaException("IndexError", "tuple index out of range");
            value = arguments.Positional[index];
        }
        else
        {
            Budget.Current.Charge(arguments.Named.Count >> 2);
            int at = arguments.Named.FindIndex(pair => pair.Key == first);
            value = at >= 0 ? arguments.Named[at].Value : throw new JinjaException("KeyError", PyText.Repr(first));
        }

        for (int i = end < 0 ? name.Length : end; i < name.Length;)
        {
            int next = name.AsSpan(i + 1).IndexOfAny('.', '[');
            int stop = name[i] == '[' ? name.IndexOf(']', i) : next >= 0 ? i + 1 + next : name.Length;
            if (stop < 0)
                throw JinjaException.Value("Missing ']' in format string");
            string part = name[(i + 1)..stop];
            if (part.Length == 0)
                throw JinjaException.Value("Empty attribute in format string");
            bool isIndex = name[i] == '[';
            object key = long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : part;
            value = isIndex ? Members.Item(value, key) : Members.Attribute(value, part);
            i = isIndex ? stop + 1 : stop;
        }

        return value;
    }
}
