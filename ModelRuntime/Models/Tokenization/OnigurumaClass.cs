using System.Globalization;

namespace Agentic.ModelRuntime;

/// <summary>The part that reads sets of characters: escapes, properties and bracketed classes.</summary>
internal sealed partial class OnigurumaPattern
{
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
}
