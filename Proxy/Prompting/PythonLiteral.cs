using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Agentic.Proxy;

/// <summary>A value as Python writes it, made JSON: texts in either quotes, numbers, constants (JSON's own too), lists, tuples and
/// dictionaries.</summary>
internal ref partial struct PythonLiteral
{
    private const int MostDepth = 64;

    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly ReadOnlySpan<char> _text;
    private readonly StringBuilder _json = new();
    private int _at;

    private PythonLiteral(ReadOnlySpan<char> text) => _text = text;

    /// <summary>The value as JSON, or null if it is none.</summary>
    public static string? ToJson(string text)
    {
        var literal = new PythonLiteral(text);
        return literal.Value(0) && literal.Next() == '\0' && literal._at == text.Length ? literal._json.ToString() : null;
    }

    /// <summary>A text as JSON.</summary>
    public static string Quote(string text) => JsonSerializer.Serialize(text, Readable);

    /// <summary>The next character that is no space; none at the end.</summary>
    private char Next()
    {
        while (_at < _text.Length && char.IsWhiteSpace(_text[_at]))
            _at++;
        return _at < _text.Length ? _text[_at] : '\0';
    }

    private bool Value(int depth)
    {
        if (depth == MostDepth)
            return false;
        switch (Next())
        {
            case '"' or '\'':
                if (Text() is not { } text)
                    return false;
                _json.Append(Quote(text));
                return true;
            case '[':
                return Items('[', ']', "[", "]", isDictionary: false, depth);
            case '(':
                return Items('(', ')', "[", "]", isDictionary: false, depth);
            case '{':
                return Items('{', '}', "{", "}", isDictionary: true, depth);
            default:
                return Word();
        }
    }

    private bool Items(char open, char close, string openJson, string closeJson, bool isDictionary, int depth)
    {
        _at += Next() == open ? 1 : 0;
        _json.Append(openJson);
        for (bool first = true; Next() != close; first = false)
        {
            _json.Append(first ? "" : ", ");
            if (isDictionary && !Key())
                return false;
            if (!Value(depth + 1))
                return false;
            if (Next() == ',')
                _at++;
            else if (Next() != close)
                return false;
        }

        _at++;
        _json.Append(closeJson);
        return true;
    }

    private bool Key()
    {
        if (Next() is not ('"' or '\'') || Text() is not { } key || Next() != ':')
            return false;
        _at++;
        _json.Append(Quote(key)).Append(": ");
        return true;
    }

    private bool Word()
    {
        int start = _at;
        while (_at < _text.Length && (char.IsAsciiLetterOrDigit(_text[_at]) || _text[_at] is '+' or '-' or '.'))
            _at++;
        string word = _text[start.._at].ToString();
        string? json = word switch
        {
            "True" or "true" => "true",
            "False" or "false" => "false",
            "None" or "null" => "null",
            _ => Number().IsMatch(word) ? word : null,
        };
        _json.Append(json);
        return json is not null;
    }

    private string? Text()
    {
        char quote = _text[_at++];
        StringBuilder text = new();
        for (; _at < _text.Length && _text[_at] != quote; _at++)
        {
            if (_text[_at] != '\\')
                text.Append(_text[_at]);
            else if (++_at == _text.Length || !Escape(text))
                return null;
        }

        return _at++ < _text.Length ? text.ToString() : null;
    }

    /// <summary>What a backslash and the character here mean; an unknown one keeps its backslash, as in Python.</summary>
    private bool Escape(StringBuilder into)
    {
        char c = _text[_at];
        int digits = c switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits > 0)
        {
            if (_at + digits >= _text.Length
                || !int.TryParse(_text.Slice(_at + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code)
                || code is < 0 or > 0x10FFFF)
                return false;
            _at += digits;
            into.Append(code > char.MaxValue ? char.ConvertFromUtf32(code) : ((char)code).ToString());
            return true;
        }

        into.Append(c switch
        {
            'n' => "\n",
            't' => "\t",
            'r' => "\r",
            'b' => "\b",
            'f' => "\f",
            '\n' => "",
            '\\' or '"' or '\'' or '/' => c.ToString(),
            _ => $"\\{c}",
        });
        return true;
    }

    [GeneratedRegex(@"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\z")]
    private static partial Regex Number();
}
