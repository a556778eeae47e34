using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>Python's <c>json.dumps</c>, and values from JSON.</summary>
internal static class PyJson
{
    /// <param name="value">What JSON knows; markup is a string.</param>
    /// <param name="ensureAscii">Escapes everything beyond ASCII.</param>
    /// <param name="indent">Null for one line.</param>
    /// <param name="itemSeparator">Between items; null for Python's default, which depends on the indent.</param>
    /// <param name="keySeparator">Between key and value; null for colon and space.</param>
    /// <param name="sortKeys">Keys in order rather than as inserted.</param>
    /// <exception cref="JinjaException">A value or key that JSON has no form for.</exception>
    public static string Dump(object? value, bool ensureAscii, string? indent, string? itemSeparator, string? keySeparator, bool sortKeys)
    {
        Writer writer = new(ensureAscii, indent, itemSeparator ?? (indent is null ? ", " : ","), keySeparator ?? ": ", sortKeys);
        writer.Write(value, 0);
        Budget.Current.ChargeText(writer.Text.Length);
        return writer.Text.ToString();
    }

    /// <summary>The value of a node: objects keep their order, a number without point or exponent is an integer.</summary>
    public static object? From(JsonNode? node)
    {
        switch (node)
        {
            case null:
                return null;
            case JsonObject members:
                PyDict dict = new(members.Count);
                foreach ((string name, JsonNode? member) in members)
                    dict.Set(name, From(member));
                return dict;
            case JsonArray items:
                List<object?> list = new(items.Count);
                foreach (JsonNode? item in items)
                    list.Add(From(item));
                return list;
        }

        return node.GetValue<object>() switch
        {
            JsonElement element => From(element),
            string text => text,
            bool truth => PyType.Box(truth),
            double or float or decimal or Half => Convert.ToDouble(node.GetValue<object>(), CultureInfo.InvariantCulture),
            sbyte or byte or short or ushort or int or uint or long =>
                Convert.ToInt64(node.GetValue<object>(), CultureInfo.InvariantCulture),
            _ => From(JsonSerializer.SerializeToElement(node)),
        };
    }

    public static object? From(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                PyDict dict = new();
                foreach (JsonProperty member in element.EnumerateObject())
                    dict.Set(member.Name, From(member.Value));
                return dict;
            case JsonValueKind.Array:
                List<object?> list = new(element.GetArrayLength());
                foreach (JsonElement item in element.EnumerateArray())
                    list.Add(From(item));
                return list;
            case JsonValueKind.String:
                return element.GetString();
            case JsonValueKind.True:
                return PyType.True;
            case JsonValueKind.False:
                return PyType.False;
            case JsonValueKind.Number:
                string digits = element.GetRawText();
                if (digits.AsSpan().IndexOfAny(".eE") >= 0)
                    return double.Parse(digits, CultureInfo.InvariantCulture);
                return long.TryParse(digits, CultureInfo.InvariantCulture, out long small) ? small
                    : PyNumber.ParseDecimal(digits);
            default:
                return null;
        }
    }

    private sealed class Writer(bool ensureAscii, string? indent, string itemSeparator, string keySeparator, bool sortKeys)
    {
        public StringBuilder Text { get; } = new();

        public void Write(object? value, int depth)
        {
            Budget.Descend();
            Budget.Current.Charge();
            Budget.Current.CheckLength(Text.Length);
            switch (value)
            {
                case string or PyMarkup:
                    Quote(PyType.Text(value)!);
                    break;
                case PyDict dict:
                    WriteAll('{', dict.Count, sortKeys ? Sorted(dict) : dict.Entries, '}', depth, entry =>
                    {
                        Quote(KeyText(entry.Key));
                        Text.Append(keySeparator);
                        Write(entry.Value, depth + 1);
                    });
                    break;
                case List<object?> list:
                    WriteAll('[', list.Count, list, ']', depth, item => Write(item, depth + 1));
                    break;
                case PyTuple tuple:
                    WriteAll('[', tuple.Items.Length, tuple.Items, ']', depth, item => Write(item, depth + 1));
                    break;
                default:
                    Text.Append(Scalar(value)
                        ?? throw JinjaException.Type($"Object of type {PyType.Name(value)} is not JSON serializable"));
                    break;
            }
        }

        private void WriteAll<T>(char open, int count, IEnumerable<T> items, char close, int depth, Action<T> write)
        {
            Text.Append(open);
            bool first = true;
            foreach (T item in items)
            {
                if (!first)
                    Text.Append(itemSeparator);
                first = false;
                NewLine(depth + 1);
                write(item);
            }

            if (count > 0)
                NewLine(depth);
            Text.Append(close);
        }

        private void NewLine(int depth)
        {
            if (indent is null)
                return;
            Budget.Current.CheckLength(Text.Length + (long)depth * indent.Length);
            Text.Append('\n');
            for (int i = 0; i < depth; i++)
                Text.Append(indent);
        }

        private static string? Scalar(object? value) => value switch
        {
            null => "null",
            bool b => b ? "true" : "false",
            double d => double.IsFinite(d) ? PyFloat.Repr(d) : double.IsNaN(d) ? "NaN" : d > 0 ? "Infinity" : "-Infinity",
            long or BigInteger => PyText.Repr(value),
            _ => null,
        };

        private static string KeyText(object? key) => PyType.Text(key) ?? Scalar(key)
            ?? throw JinjaException.Type($"keys must be str, int, float, bool or None, not {PyType.Name(key)}");

        private static IEnumerable<KeyValuePair<object?, object?>> Sorted(PyDict dict) =>
            PyOrder.Sort([.. dict.Keys], key => key, reverse: false).Select(key =>
            {
                dict.TryGet(key, out object? value);
                return KeyValuePair.Create(key, value);
            });

        private void Quote(string text)
        {
            Text.Append('"');
            int done = 0;
            for (int i = 0; i < text.Length; i++)
            {
                char c = text[i];
                if (c is >= ' ' and not ('"' or '\\') && (c < '\x7f' || !ensureAscii))
                    continue;
                Text.Append(text, done, i - done);
                done = i + 1;
                _ = c switch
                {
                    '"' => Text.Append("\\\""),
                    '\\' => Text.Append("\\\\"),
                    '\n' => Text.Append("\\n"),
                    '\r' => Text.Append("\\r"),
                    '\t' => Text.Append("\\t"),
                    '\b' => Text.Append("\\b"),
                    '\f' => Text.Append("\\f"),
                    _ => Text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                };
            }

            Text.Append(text, done, text.Length - done).Append('"');
        }
    }
}
