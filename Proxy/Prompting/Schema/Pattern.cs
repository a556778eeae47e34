using System.Globalization;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>A schema's <c>pattern</c> as an expression over the spelling of strings: the regular part of ECMA-262.</summary>
/// <remarks>Without anchors it may match anywhere, as JSON Schema has it. Look-ahead narrows what may follow up to the end: zod's
/// e-mail addresses and durations have some. Boundaries, look-behind and references to groups are not regular, or need not be, and are
/// refused.</remarks>
internal sealed class Pattern
{
    private const int MostRepeats = 1000;
    private const int MostCharacters = 2000;   // what may be left out is followed one into the other
    private const int MostNesting = 100;
    private const int MostStatesAhead = 4000;

    private readonly JsonGrammar _json;
    private readonly Grammar _grammar;
    private readonly string _text;
    private int _at, _depth;
    private bool _looksAhead;

    private Pattern(JsonGrammar json, string text) => (_json, _grammar, _text) = (json, json.Grammar, text);

    /// <summary>The strings, without their quotes, in which a pattern is found.</summary>
    /// <exception cref="FormatException">It is not a pattern, or not a regular one; the message says why.</exception>
    /// <exception cref="GrammarLimitException">What it looks ahead for is too much to keep in mind.</exception>
    public static Language Parse(JsonGrammar json, string pattern)
    {
        if (pattern.Length > MostCharacters)
            throw new FormatException($"it has {pattern.Length} characters, and at most {MostCharacters} are supported");
        Pattern parser = new(json, pattern);
        Language result = parser.Then(parser.Alternatives(Place.Whole), parser._grammar.Empty);
        if (parser._at != pattern.Length)
            throw parser.Bad("there is a ')' without its '('");
        if (parser._looksAhead)
            json.Grammar.Expand(result, MostStatesAhead);   // "not an a twelve characters before a b" has thousands: seconds a token
        return result;
    }

    /// <summary>Where alternatives stand: what anchors mean there.</summary>
    private enum Place
    {
        Whole, Group, Ahead,
    }

    /// <summary>A part of a pattern: strings, or, where it looks ahead, those that it begins, given what follows it.</summary>
    private readonly record struct Part(Language? Alone, Func<Language, Language>? Before)
    {
        public static implicit operator Part(Language alone) => new(alone, null);
    }

    private Language Then(Part part, Language rest) => part.Alone is { } alone ? _grammar.Sequence(alone, rest) : part.Before!(rest);

    private Language Anything => _grammar.Repeat(_json.CanonicalCharacter, 0, int.MaxValue);

    private bool AtEnd => _at == _text.Length;

    private Part Alternatives(Place place)
    {
        if (++_depth > MostNesting)
            throw Bad("groups are nested too deeply");
        List<Part> all = [Alternative(place)];
        while (Take('|'))
            all.Add(Alternative(place));
        _depth--;
        return Joined(all, rest => _grammar.Choice([.. all.Select(part => Then(part, rest))]));
    }

    private Part Alternative(Place place)
    {
        List<Part> parts = [];
        if (Anchored('^', place == Place.Whole) is var fromStart && !fromStart && place == Place.Whole)
            parts.Add(Anything);
        bool toEnd = false;
        while (!AtEnd && _text[_at] is not ('|' or ')'))
        {
            if (toEnd)
                throw Bad("'$' is only supported at the end");
            if (Anchored('$', place != Place.Group))
                toEnd = true;
            else
                parts.Add(Quantified());
        }

        if (!toEnd && place != Place.Group)
            parts.Add(Anything);
        return Joined(parts, rest => Enumerable.Reverse(parts).Aggregate(rest, (following, part) => Then(part, following)));
    }

    /// <summary>Parts as one, which stands alone if all of them do.</summary>
    private Part Joined(List<Part> parts, Func<Language, Language> before) =>
        parts.TrueForAll(part => part.Alone is not null) ? before(_grammar.Empty) : new Part(null, before);

    private bool Anchored(char anchor, bool allowed)
    {
        if (!Take(anchor))
            return false;
        return allowed ? true : throw Bad($"'{anchor}' within a group is not supported: write it outside");
    }

    private Part Quantified()
    {
        Part item = Atom();
        while (!AtEnd && Quantifier(out int min, out int max))
        {
            Take('?');   // lazy or not, the same strings match
            item = Repeated(item, min, max);
            if (!AtEnd && _text[_at] is '*' or '+')
                throw Bad("there is nothing to repeat");
        }

        return item;
    }

    private Part Repeated(Part item, int min, int max) => (item.Alone, min, max) switch
    {
        ({ } alone, _, _) => _grammar.Repeat(alone, min, max),
        (_, 1, 1) => item,
        (_, 0, 1) => new Part(null, rest => _grammar.Choice(Then(item, rest), rest)),
        _ => throw Bad("look-ahead within a repetition is not supported"),
    };

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

    private Part Atom()
    {
        switch (_text[_at])
        {
            case '(':
                _at++;
                Part group = TakeAhead(out bool wanted) ? Ahead(wanted) : Group();
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

    private bool TakeAhead(out bool wanted)
    {
        ReadOnlySpan<char> next = _text.AsSpan(_at);
        wanted = next.StartsWith("?=");
        bool taken = wanted || next.StartsWith("?!");
        _at += taken ? 2 : 0;
        return taken;
    }

    /// <summary>What follows must begin with something, or must not.</summary>
    private Part Ahead(bool wanted)
    {
        _looksAhead = true;
        Language ahead = Then(Alternatives(Place.Ahead), _grammar.Empty);
        return new(null, rest => wanted ? _grammar.Both(rest, ahead) : _grammar.Except(rest, ahead));
    }

    private Part Group()
    {
        SkipGroupName();
        return Alternatives(Place.Group);
    }

    private void SkipGroupName()
    {
        if (!Take('?') || Take(':'))
            return;
        if (!Take('<') || AtEnd || _text[_at] is '=' or '!')
            throw Bad("look-behind is not supported");
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
