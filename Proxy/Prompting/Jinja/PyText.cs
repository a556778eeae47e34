using System.Globalization;
using System.Numerics;
using System.Text;

namespace Agentic.Proxy;

/// <summary>Python's <c>str</c> and <c>repr</c> of every value.</summary>
internal static class PyText
{
    public static string Str(object? value) => value switch
    {
        string s => s,
        PyMarkup m => m.Text,
        Undefined => "",
        _ => Repr(value),
    };

    public static string Repr(object? value)
    {
        switch (value)
        {
            case null:
                return "None";
            case bool b:
                return b ? "True" : "False";
            case long n:
                return n.ToString(CultureInfo.InvariantCulture);
            case double d:
                return PyFloat.Repr(d);
        }

        StringBuilder text = new();
        AppendRepr(text, value);
        Budget.Current.ChargeText(text.Length);
        return text.ToString();
    }

    private static void AppendRepr(StringBuilder text, object? value)
    {
        Budget.Descend();
        Budget.Current.Charge();
        Budget.Current.CheckLength(text.Length);
        switch (value)
        {
            case string s:
                AppendQuoted(text, s);
                break;
            case PyMarkup m:
                AppendQuoted(text.Append("Markup("), m.Text);
                text.Append(')');
                break;
            case List<object?> list:
                AppendItems(text, '[', list, ']');
                break;
            case PyTuple tuple:
                AppendItems(text, '(', tuple.Items, ')', tuple.Items.Length == 1 ? "," : "");
                break;
            case PyDict dict:
                AppendDict(text, dict);
                break;
            case PyView view:
                AppendItems(text.Append(view.TypeName).Append('('), '[', view.Items, ']');
                text.Append(')');
                break;
            case Namespace space:
                AppendDict(text.Append("<Namespace "), space.Attributes);
                text.Append('>');
                break;
            case PyRange range:
                text.Append(CultureInfo.InvariantCulture, $"range({range.Start}, {range.Stop}").Append(range.Step == 1 ? ")"
                    : $", {range.Step})");
                break;
            case BigInteger big:
                text.Append(PyNumber.ToDecimal(big));
                break;
            case Undefined:
                text.Append("Undefined");
                break;
            case Macro macro:
                text.Append(CultureInfo.InvariantCulture, $"<Macro {(macro.Name is null ? "anonymous" : Repr(macro.Name))}>");
                break;
            case LoopContext loop:
                text.Append(CultureInfo.InvariantCulture, $"<LoopContext {loop.Index0 + 1}/{loop.Length}>");
                break;
            case null or bool or long or double:
                text.Append(Repr(value));
                break;
            default:
                text.Append(CultureInfo.InvariantCulture, $"<{PyType.Name(value)} object>");
                break;
        }
    }

    private static void AppendDict(StringBuilder text, PyDict dict)
    {
        text.Append('{');
        string separator = "";
        foreach ((object? key, object? value) in dict.Entries)
        {
            text.Append(separator);
            AppendRepr(text, key);
            text.Append(": ");
            AppendRepr(text, value);
            separator = ", ";
        }

        text.Append('}');
    }

    private static void AppendItems(StringBuilder text, char open, IEnumerable<object?> items, char close, string after = "")
    {
        text.Append(open);
        string separator = "";
        foreach (object? item in items)
        {
            text.Append(separator);
            AppendRepr(text, item);
            separator = ", ";
        }

        text.Append(after).Append(close);
    }

    private static void AppendQuoted(StringBuilder text, string value)
    {
        char quote = value.Contains('\'', StringComparison.Ordinal) && !value.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        text.Append(quote);
        for (int i = 0; i < value.Length; i++)
        {
            char c = value[i];
            if (c == quote || c == '\\')
            {
                text.Append('\\').Append(c);
            }
            else if (c is >= ' ' and < '\x7f')
            {
                text.Append(c);
            }
            else if (c is '\n' or '\r' or '\t')
            {
                text.Append(c switch { '\n' => "\\n", '\r' => "\\r", _ => "\\t" });
            }
            else
            {
                AppendOther(text, value, ref i);
            }
        }

        text.Append(quote);
    }

    private static void AppendOther(StringBuilder text, string value, ref int at)
    {
        if (!Rune.TryGetRuneAt(value, at, out Rune rune))
        {
            text.Append(CultureInfo.InvariantCulture, $"\\u{(int)value[at]:x4}");
            return;
        }

        if (IsPrintable(rune))
            text.Append(rune.ToString());
        else if (rune.Value < 0x100)
            text.Append(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}");
        else if (rune.IsBmp)
            text.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}");
        else
            text.Append(CultureInfo.InvariantCulture, $"\\U{rune.Value:x8}");
        at += rune.Utf16SequenceLength - 1;
    }

    public static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control
        or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);
}
