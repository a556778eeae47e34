using System.Text;

namespace Agentic.ModelRuntime;

/// <summary>
/// Reads a regular expression written for Oniguruma (what tokenizer.json means) into parts for .NET: text, and the sets of code points
/// between it. Nothing is left to .NET's own idea of a class, a case or a line.
/// </summary>
/// <remarks>
/// Oniguruma's ways that differ from .NET's: classes nest and intersect (<c>&amp;&amp;</c>), <c>^</c> and <c>$</c> match at every line,
/// <c>(?m)</c> is "dot matches all", <c>\h</c> is a hex digit, <c>x++</c> is possessive but <c>x{1,3}+</c> repeats,
/// and <c>x{2}?</c> is optional.
/// </remarks>
internal sealed partial class OnigurumaPattern
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
            // After {n} a question mark makes the whole optional: the next turn reads it.
            bool lazy = (!interval || quantifier.Contains(',')) && Take('?');
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

    /// <summary>Reads <c>(?im-x</c> and the terminator if they stand here: <c>)</c> sets options, <c>:</c> heads a group.</summary>
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
