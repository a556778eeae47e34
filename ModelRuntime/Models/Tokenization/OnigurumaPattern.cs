using System.Globalization;
using System.Text;

namespace Agentic.ModelRuntime;

/// <summary>
/// Reads a regular expression written for Oniguruma (what tokenizer.json means) into parts for .NET: text, and the sets of code points
/// between it. Nothing is left to .NET's own idea of a class, a case or a line.
/// </summary>
/// <remarks>
/// Oniguruma's ways that differ from .NET's: classes nest and intersect (<c>&amp;&amp;</c>), <c>^</c> and <c>$</c> match at every line,
/// <c>(?m)</c> is "dot matches all", <c>\h</c> is a hex digit, <c>x++</c> is possessive but <c>x{1,3}+</c> repeats.
/// </remarks>
internal sealed class OnigurumaPattern
{
    private readonly string _pattern;
    private readonly List<object> _parts = [];
    private int _at;

    private OnigurumaPattern(string pattern) => _pattern = pattern;

    /// <returns>.NET pattern text (<see cref="string"/>) and sets (<see cref="CodePointSet"/>), in order.</returns>
    /// <exception cref="FormatException">A construct that is damaged or not known here.</exception>
    public static IReadOnlyList<object> Parse(string pattern)
    {
        OnigurumaPattern reader = new(pattern);
        reader.Alternatives(default);
        return reader._at == pattern.Length ? reader._parts : throw reader.Error("an unmatched )");
    }

    private readonly record struct Flags(bool IgnoreCase, bool DotAll, bool Extended);

    private void Alternatives(Flags flags)
    {
        while (_at < _pattern.Length && _pattern[_at] != ')')
        {
            if (Take('|'))
                _parts.Add("|");
            else if (flags.Extended && char.IsWhiteSpace(_pattern[_at]))
                _at++;
            else if (flags.Extended && _pattern[_at] == '#')
                SkipPast('\n');
            else if (LookingAt("(?#"))
                SkipPast(')');
            else if (TryOptions(flags, ')', out Flags inner))
                Enclose("(?:", inner, ")"); // the rest of the group, with its alternatives
            else
                Quantified(flags);
        }
    }

    private void Enclose(string open, Flags flags, string close)
    {
        _parts.Add(open);
        Alternatives(flags);
        _parts.Add(close);
    }

    private void Quantified(Flags flags)
    {
        int start = _parts.Count;
        Atom(flags);
        while (_at < _pattern.Length)
        {
            string quantifier;
            bool interval = false;
            if (_pattern[_at] is '*' or '+' or '?')
                quantifier = _pattern[_at++].ToString();
            else if (!TryInterval(out quantifier, out interval))
                return;
            bool lazy = Take('?');
            bool possessive = !lazy && !interval && Take('+');
            _parts.Insert(start, possessive ? "(?>(?:" : "(?:");
            _parts.Add(")" + quantifier + (lazy ? "?" : possessive ? ")" : ""));
        }
    }

    private bool TryInterval(out string quantifier, out bool interval)
    {
        quantifier = "";
        interval = false;
        if (_pattern[_at] != '{')
            return false;
        int end = _pattern.IndexOf('}', _at);
        string[] bounds = end < 0 ? [] : _pattern[(_at + 1)..end].Split(',');
        if (bounds.Length is not (1 or 2) || bounds.All(bound => bound.Length == 0)
            || !bounds.All(bound => bound.All(char.IsAsciiDigit)) || bounds is [""])
            return false;
        _at = end + 1;
        interval = true;
        quantifier = bounds.Length == 1 ? $"{{{bounds[0]}}}" : $"{{{(bounds[0].Length == 0 ? "0" : bounds[0])},{bounds[1]}}}";
        return true;
    }

    private void Atom(Flags flags)
    {
        char c = _pattern[_at];
        switch (c)
        {
            case '(': Group(flags); break;
            case '[': _parts.Add(Class(flags)); break;
            case '.': _at++; Add(flags.DotAll ? CodePointSet.All : One('\n').Complement(), default); break;
            case '^': _at++; _parts.Add("(?:\\A|(?<=\\n)(?!\\z))"); break;
            case '$': _at++; _parts.Add("(?=\\n|\\z)"); break;
            case '\\': Escape(flags); break;
            case '*' or '+' or '?': throw Error("nothing to repeat");
            default: Add(One(NextRune()), flags); break;
        }
    }

    private void Group(Flags flags)
    {
        string[] plain = ["(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"];
        string open = plain.FirstOrDefault(LookingAt) ?? "(";
        if (LookingAt("(?<") && open == "(")
        {
            open = _pattern[_at..(_pattern.IndexOf('>', _at) + 1)];
            if (open.Length < 5)
                throw Error("a group without a name");
        }
        if (open == "(" && LookingAt("(?"))
        {
            if (!TryOptions(flags, ':', out flags))
                throw Error("a group of a kind that is not known here");
            open = "(?:";
        }
        else
        {
            _at += open.Length;
        }
        Enclose(open, flags, ")");
        if (!Take(')'))
            throw Error("a group that does not end");
    }

    /// <summary>Reads <c>(?im-x</c> and the terminator, if that is what stands here: <c>)</c> sets options, <c>:</c> heads a group.</summary>
    private bool TryOptions(Flags flags, char terminator, out Flags changed)
    {
        changed = flags;
        if (!LookingAt("(?"))
            return false;
        int end = _at + 2;
        bool on = true;
        for (; end < _pattern.Length && _pattern[end] is 'i' or 'm' or 'x' or '-'; end++)
        {
            on &= _pattern[end] != '-';
            changed = _pattern[end] switch
            {
                'i' => changed with { IgnoreCase = on },
                'm' => changed with { DotAll = on },
                'x' => changed with { Extended = on },
                _ => changed,
            };
        }
        if (end == _at + 2 || end == _pattern.Length || _pattern[end] != terminator)
            return false;
        _at = end + 1;
        return true;
    }

    private void Escape(Flags flags)
    {
        char c = _at + 1 < _pattern.Length ? _pattern[_at + 1] : throw Error("a lone backslash");
        switch (c)
        {
            case 'A' or 'z' or 'Z' or 'G':
                _parts.Add("\\" + c);
                break;
            case 'b' or 'B':
                string[] boundary = c == 'b' ? ["(?:(?<=", ")(?!", ")|(?<!", ")(?=", "))"] : ["(?:(?<=", ")(?=", ")|(?<!", ")(?!", "))"];
                foreach (string piece in boundary)
                {
                    _parts.Add(piece);
                    if (piece != boundary[^1])
                        _parts.Add(UnicodeProperties.Word);
                }
                break;
            case 'R':
                _parts.Add("(?>\\r\\n|[\\n-\\r\\u0085\\u2028\\u2029])");
                break;
            case >= '1' and <= '9':
                _parts.Add("(?:\\" + c + ")");
                break;
            case 'k' or 'g' or 'K' or 'X' or 'y' or 'Y' or 'N' or 'O':
                throw Error($"\\{c}, which is not known here");
            default:
                Add(EscapedSet(), flags);
                return;
        }
        _at += 2;
    }

    /// <summary>The set of an escape that stands for characters, in a class or outside one.</summary>
    private CodePointSet EscapedSet()
    {
        _at++;
        char c = _at < _pattern.Length ? _pattern[_at] : throw Error("a lone backslash");
        if (c is 'p' or 'P')
            return Property();
        CodePointSet? set = c switch
        {
            's' => UnicodeProperties.White,
            'S' => UnicodeProperties.White.Complement(),
            'd' => UnicodeProperties.Digit,
            'D' => UnicodeProperties.Digit.Complement(),
            'w' => UnicodeProperties.Word,
            'W' => UnicodeProperties.Word.Complement(),
            'h' => UnicodeProperties.HexDigit,
            'H' => UnicodeProperties.HexDigit.Complement(),
            _ => null,
        };
        if (set is null)
            return One(EscapedRune());
        _at++;
        return set;
    }

    private int EscapedRune()
    {
        char c = _pattern[_at];
        if (c == 'x' && LookingAt("x{"))
            return Hex(_at + 2, _pattern.IndexOf('}', _at), 1);
        if (c == 'x')
            return Hex(_at + 1, Math.Min(_at + 3, _pattern.Length), 0);
        if (c == 'u')
            return Hex(_at + 1, Math.Min(_at + 5, _pattern.Length), 0);
        if (c == '0')
        {
            int octal = 0;
            for (int digits = 0; digits < 3 && _at < _pattern.Length && _pattern[_at] is >= '0' and <= '7'; digits++)
                octal = octal * 8 + _pattern[_at++] - '0';
            return octal;
        }
        int rune = NextRune();
        return rune switch { 'n' => '\n', 'r' => '\r', 't' => '\t', 'f' => '\f', 'v' => '\v', 'a' => '\a', 'e' => 0x1B, _ => rune };
    }

    private int Hex(int start, int end, int closing)
    {
        if (end <= start || !int.TryParse(_pattern.AsSpan(start, end - start), NumberStyles.AllowHexSpecifier, null, out int value))
            throw Error("a number that is not hexadecimal");
        _at = end + closing;
        return value;
    }

    private CodePointSet Property()
    {
        bool negated = _pattern[_at++] == 'P';
        int end = _pattern.IndexOf('}', _at);
        if (!LookingAt("{") || end < 0)
            throw Error("\\p without {name}");
        string name = _pattern[(_at + 1)..end];
        if (name.StartsWith('^'))
            (negated, name) = (!negated, name[1..]);
        CodePointSet set = UnicodeProperties.Find(name) ?? throw Error($"\\p{{{name}}}, a property that is not known here");
        _at = end + 1;
        return negated ? set.Complement() : set;
    }

    private CodePointSet Class(Flags flags)
    {
        _at++;
        bool negated = Take('^');
        CodePointSet set = CodePointSet.Empty;
        CodePointSet? intersection = null;
        for (bool first = true; ; first = false)
        {
            if (_at >= _pattern.Length)
                throw Error("a class that does not end");
            if (!first && Take(']'))
                break;
            if (LookingAt("&&"))
            {
                _at += 2;
                intersection = intersection?.Intersect(set) ?? set;
                set = CodePointSet.Empty;
            }
            else
            {
                set = set.Union(ClassItem(flags));
            }
        }
        set = intersection?.Intersect(set) ?? set;
        if (flags.IgnoreCase)
            set = UnicodeProperties.IgnoreCase(set);
        return negated ? set.Complement() : set;
    }

    private CodePointSet ClassItem(Flags flags)
    {
        if (LookingAt("[:") && _pattern.IndexOf(":]", _at, StringComparison.Ordinal) is int colon and >= 0)
        {
            string name = _pattern[(_at + 2)..colon];
            CodePointSet set = UnicodeProperties.Find(name.TrimStart('^')) ?? throw Error($"[:{name}:], which is not known here");
            _at = colon + 2;
            return name.StartsWith('^') ? set.Complement() : set;
        }
        if (LookingAt("["))
            return Class(flags);
        CodePointSet from = ClassAtom();
        bool single = from.Ranges is [(int first, int last)] && first == last;
        if (!single || !LookingAt("-") || _at + 1 >= _pattern.Length || _pattern[_at + 1] is ']' or '[')
            return from;
        int dash = _at++;
        CodePointSet to = ClassAtom();
        if (to.Ranges is not [(int upper, int same)] || upper != same || upper < from.Ranges[0].First)
        {
            _at = dash;
            throw Error("a range that does not ascend");
        }
        return CodePointSet.Of((from.Ranges[0].First, upper));
    }

    private CodePointSet ClassAtom()
    {
        if (!LookingAt("\\"))
            return One(NextRune());
        if (!LookingAt("\\b"))
            return EscapedSet();
        _at += 2;
        return One('\b');
    }

    private void Add(CodePointSet set, Flags flags) => _parts.Add(flags.IgnoreCase ? UnicodeProperties.IgnoreCase(set) : set);

    private static CodePointSet One(int codePoint) => CodePointSet.Of((codePoint, codePoint));

    private int NextRune()
    {
        Rune rune = Rune.GetRuneAt(_pattern, _at);
        _at += rune.Utf16SequenceLength;
        return rune.Value;
    }

    private bool LookingAt(string text) => string.CompareOrdinal(_pattern, _at, text, 0, text.Length) == 0;

    private bool Take(char c)
    {
        if (_at >= _pattern.Length || _pattern[_at] != c)
            return false;
        _at++;
        return true;
    }

    private void SkipPast(char c)
    {
        int end = _pattern.IndexOf(c, _at);
        _at = end < 0 ? _pattern.Length : end + 1;
    }

    private FormatException Error(string what) => new($"the regular expression {_pattern} has {what} (at {_at})");
}
