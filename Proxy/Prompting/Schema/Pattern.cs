using System.Globalization;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>A schema's <c>pattern</c> as an expression over the spelling of strings: the regular part of ECMA-262.</summary>
/// <remarks>Without anchors it may match anywhere, as JSON Schema has it. Boundaries, look-around and references to groups are not
/// regular, or need not be, and are refused.</remarks>
internal sealed class Pattern
{
    private const int MostRepeats = 1000;
    private const int MostCharacters = 2000;   // what may be left out is followed one into the other
    private const int MostNesting = 100;

    private readonly JsonGrammar _json;
    private readonly Grammar _grammar;
    private readonly string _text;
    private int _at, _depth;

    private Pattern(JsonGrammar json, string text) => (_json, _grammar, _text) = (json, json.Grammar, text);

    /// <summary>The strings, without their quotes, in which a pattern is found.</summary>
    /// <exception cref="FormatException">It is not a pattern, or not a regular one; the message says why.</exception>
    public static Language Parse(JsonGrammar json, string pattern)
    {
        if (pattern.Length > MostCharacters)
            throw new FormatException($"it has {pattern.Length} characters, and at most {MostCharacters} are supported");
        Pattern parser = new(json, pattern);
        Language result = parser.Alternatives(outermost: true);
        return parser._at == pattern.Length ? result : throw parser.Bad("there is a ')' without its '('");
    }

    private bool AtEnd => _at == _text.Length;

    private Language Alternatives(bool outermost)
    {
        if (++_depth > MostNesting)
            throw Bad("groups are nested too deeply");
        List<Language> all = [Alternative(outermost)];
        while (Take('|'))
            all.Add(Alternative(outermost));
        _depth--;
        return _grammar.Choice([.. all]);
    }

    private Language Alternative(bool outermost)
    {
        List<Language> parts = [];
        bool fromStart = Anchored('^', outermost), toEnd = false;
        while (!AtEnd && _text[_at] is not ('|' or ')'))
        {
            if (toEnd)
                throw Bad("'$' is only supported at the end");
            if (Anchored('$', outermost))
                toEnd = true;
            else
                parts.Add(Quantified());
        }

        Language inner = _grammar.Sequence([.. parts]);
        if (!outermost)
            return inner;
        Language anything = _grammar.Repeat(_json.CanonicalCharacter, 0, int.MaxValue);
        return _grammar.Sequence(fromStart ? _grammar.Empty : anything, inner, toEnd ? _grammar.Empty : anything);
    }

    private bool Anchored(char anchor, bool outermost)
    {
        if (!Take(anchor))
            return false;
        return outermost ? true : throw Bad($"'{anchor}' within a group is not supported: write it outside");
    }

    private Language Quantified()
    {
        Language item = Atom();
        while (!AtEnd && Quantifier(out int min, out int max))
        {
            Take('?');   // lazy or not, the same strings match
            item = _grammar.Repeat(item, min, max);
            if (!AtEnd && _text[_at] is '*' or '+')
                throw Bad("there is nothing to repeat");
        }

        return item;
    }

    private bool Quantifier(out int min, out int max)
    {
        (min, max) = (0, int.MaxValue);
        switch (_text[_at])
        {
            case '*':
                break;
            case '+':
                min = 1;
                break;
            case '?':
                max = 1;
                break;
            case '{':
                _at++;
                min = Count();
                max = !Take(',') ? min : !AtEnd && _text[_at] == '}' ? int.MaxValue : Count();
                if (max < min)
                    throw Bad("a quantifier's bounds are in the wrong order");
                if (AtEnd || _text[_at] != '}')
                    throw Bad("a '{' has no '}'");
                break;
            default:
                return false;
        }

        _at++;
        return true;
    }

    private int Count()
    {
        int start = _at;
        while (!AtEnd && char.IsAsciiDigit(_text[_at]))
            _at++;
        return int.TryParse(_text.AsSpan(start.._at), NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            && count <= MostRepeats
            ? count
            : throw Bad($"a quantifier needs a number up to {MostRepeats}");
    }

    private Language Atom()
    {
        switch (_text[_at])
        {
            case '(':
                _at++;
                SkipGroupName();
                Language group = Alternatives(outermost: false);
                return Take(')') ? group : throw Bad("a '(' has no ')'");
            case '[':
                _at++;
                return _json.Characters(Class());
            case '.':
                _at++;
                return _json.Characters(PatternClasses.Dot);
            case '\\':
                return _json.Characters(Escape(inClass: false, out _));
            case '*' or '+' or '?':
                throw Bad("there is nothing to repeat");
            case '{' or '^' or '$':
                throw Bad($"'{_text[_at]}' stands where it cannot be");
            default:
                return _json.Characters(One(NextCharacter()));
        }
    }

    private void SkipGroupName()
    {
        if (!Take('?') || Take(':'))
            return;
        if (!Take('<') || AtEnd || _text[_at] is '=' or '!')
            throw Bad("look-around is not supported");
        int end = _text.IndexOf('>', _at);
        _at = end < 0 ? throw Bad("a group's name has no end") : end + 1;
    }

    private CodePointSet Class()
    {
        bool negated = Take('^');
        CodePointSet set = CodePointSet.Empty;
        while (!Take(']'))
        {
            CodePointSet first = ClassAtom(out int? from);
            if (_at + 1 < _text.Length && _text[_at] == '-' && _text[_at + 1] != ']')
            {
                _at++;
                ClassAtom(out int? to);
                if (from is null || to is null || to < from)
                    throw Bad("a range in a class needs two characters in order");
                first = CodePointSet.Of((from.Value, to.Value));
            }

            set = set.Union(first);
        }

        return negated ? set.Complement() : set;
    }

    private CodePointSet ClassAtom(out int? character)
    {
        if (AtEnd)
            throw Bad("a '[' has no ']'");
        if (_text[_at] == '\\')
            return Escape(inClass: true, out character);
        character = NextCharacter();
        return One(character.Value);
    }

    private CodePointSet Escape(bool inClass, out int? character)
    {
        _at++;
        character = null;
        if (AtEnd)
            throw Bad("it ends in a '\\'");
        char c = _text[_at++];
        if (PatternClasses.Named(c) is { } named)
            return named;
        switch (c)
        {
            case 'p' or 'P':
                return Property(c == 'P');
            case 'b' when inClass:
                return One((character = '\b').Value);
            case 'b' or 'B':
                throw Bad("word boundaries are not supported");
            case 'k' or (>= '1' and <= '9'):
                throw Bad("references to groups are not supported");
            case 'c' when !AtEnd && char.IsAsciiLetter(_text[_at]):
                return One((character = _text[_at++] & 31).Value);
            case 'x':
                return One((character = Hex(2)).Value);
            case 'u':
                return One((character = CodePoint()).Value);
            default:
                character = c switch { 't' => '\t', 'n' => '\n', 'v' => '\v', 'f' => '\f', 'r' => '\r', '0' => '\0', _ => c };
                if (character == c && char.IsAsciiLetterOrDigit(c))
                    throw Bad($"'\\{c}' is not an escape");
                return One(c < 0x80 ? character.Value : (character = BackToCharacter()).Value);
        }
    }

    private CodePointSet Property(bool negated)
    {
        int end = Take('{') ? _text.IndexOf('}', _at) : -1;
        string name = end < 0 ? throw Bad("\\p needs a name in braces") : _text[_at..end];
        _at = end + 1;
        CodePointSet set = PatternClasses.Category(name)
            ?? throw Bad($"the property '{name}' is not supported: general categories such as L or Nd are");
        return negated ? set.Complement() : set;
    }

    private int CodePoint()
    {
        if (Take('{'))
        {
            int end = _text.IndexOf('}', _at);
            int value = end < 0 ? throw Bad("\\u{ has no '}'") : Hex(end - _at);
            _at++;
            return value <= 0x10FFFF ? value : throw Bad("there is no such character");
        }

        int high = Hex(4);
        if (high is < 0xD800 or > 0xDBFF || !_text.AsSpan(_at).StartsWith("\\u", StringComparison.Ordinal))
            return high;
        _at += 2;
        int low = Hex(4);
        return low is >= 0xDC00 and <= 0xDFFF ? char.ConvertToUtf32((char)high, (char)low)
            : throw Bad("half a surrogate pair is no character");
    }

    private int Hex(int digits)
    {
        if (digits is < 1 or > 6 || _at + digits > _text.Length
            || !int.TryParse(_text.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value))
            throw Bad("an escape lacks its hexadecimal digits");
        _at += digits;
        return value;
    }

    private int BackToCharacter()
    {
        _at--;
        return NextCharacter();
    }

    private int NextCharacter()
    {
        if (char.IsHighSurrogate(_text[_at]) && _at + 1 < _text.Length && char.IsLowSurrogate(_text[_at + 1]))
        {
            _at += 2;
            return char.ConvertToUtf32(_text[_at - 2], _text[_at - 1]);
        }

        return _text[_at++];
    }

    private static CodePointSet One(int character) => CodePointSet.Of((character, character));

    private bool Take(char c)
    {
        if (AtEnd || _text[_at] != c)
            return false;
        _at++;
        return true;
    }

    private FormatException Bad(string why) => new($"{why} (at character {_at})");
}
