using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>JSON as expressions: RFC 8259, with bounds where the standard has none and a model could go on for ever.</summary>
internal sealed class JsonGrammar
{
    public const int MostDigits = 18, MostFractionDigits = 17;

    private const int MostIndent = 64;
    private const int MostDepth = 24;   // of values that no schema describes; readers refuse deeper than 64

    private readonly Language _scalar;
    private readonly Dictionary<int, Language> _anyObjects = [];

    public JsonGrammar(Grammar grammar)
    {
        Grammar = grammar;
        Digit = Range('0', '9');
        Space = Grammar.Choice(
            Grammar.Empty, Text(" "), Grammar.Sequence(Text("\n"), Grammar.Repeat(Grammar.Choice(Text(" "), Text("\t")), 0, MostIndent)));
        Character = Grammar.Choice(Characters(CodePointSet.All), Text("\\/"), Escaped());
        CanonicalCharacter = Characters(CodePointSet.All);
        Integer = Grammar.Choice(Text("0"), Grammar.Sequence(
            Grammar.Optional(Text("-")), Range('1', '9'), Grammar.Repeat(Digit, 0, MostDigits)));
        Fraction = Grammar.Optional(Grammar.Sequence(Text("."), Grammar.Repeat(Digit, 1, MostFractionDigits)));
        Decimal = Grammar.Sequence(
            Grammar.Optional(Text("-")),
            Grammar.Choice(Text("0"), Grammar.Sequence(Range('1', '9'), Grammar.Repeat(Digit, 0, MostDigits))),
            Fraction);
        Number = Grammar.Sequence(Decimal, Grammar.Optional(Exponent()));
        String = Grammar.Sequence(Text("\""), Grammar.Repeat(Character, 0, int.MaxValue), Text("\""));
        _scalar = Grammar.Choice(String, Number, Text("true"), Text("false"), Text("null"));
    }

    public Grammar Grammar { get; }

    /// <summary>What may stand between the parts of a value: nothing, a space, or a line's end with an indentation. Never more, so that a
    /// model cannot lose itself in it.</summary>
    public Language Space { get; }

    public Language Digit { get; }

    /// <summary>A character of a string, in any of its spellings.</summary>
    public Language Character { get; }

    /// <summary>A character of a string in its shortest spelling: where spellings decide, as in names and under patterns.</summary>
    public Language CanonicalCharacter { get; }

    public Language String { get; }

    public Language Integer { get; }

    /// <summary>Nothing, or a point and digits.</summary>
    public Language Fraction { get; }

    /// <summary>A number without an exponent.</summary>
    public Language Decimal { get; }

    public Language Number { get; }

    /// <summary>Any value.</summary>
    public Language Any => AnyAt(MostDepth);

    /// <summary>Any object.</summary>
    public Language AnyObject => AnyObjectAt(MostDepth);

    public Language Text(string ascii) => Grammar.Literal(Encoding.UTF8.GetBytes(ascii));

    public Language Range(char first, char last) => Grammar.Bytes(ByteSet.Range((byte)first, (byte)last));

    /// <summary>An object's member; the name is its quoted spelling.</summary>
    public Language Member(Language name, Language value) => Grammar.Sequence(name, Text(":"), Space, value);

    /// <summary>What stands between two members or elements.</summary>
    public Language Comma => Grammar.Sequence(Text(","), Space);

    /// <summary>A list within brackets, which may be empty if <paramref name="min"/> is 0.</summary>
    public Language List(string open, Language item, int min, int max, string close) => Brackets(
        open,
        max == 0 ? Grammar.Nothing : Grammar.Sequence(item, Grammar.Repeat(
            Grammar.Sequence(Comma, item), Math.Max(0, min - 1), max == int.MaxValue ? max : max - 1)),
        min == 0, close);

    /// <summary>Something within brackets, or nothing.</summary>
    public Language Brackets(string open, Language inside, bool mayBeEmpty, string close)
    {
        Language filled = Grammar.Sequence(inside, Space);   // nothing inside needs no second space
        return Grammar.Sequence(Text(open), Space, mayBeEmpty ? Grammar.Optional(filled) : filled, Text(close));
    }

    /// <summary>Exactly this value, with any spaces.</summary>
    public Language Literal(JsonNode? value) => value switch
    {
        JsonObject members => Joined("{", members.Select(member => Member(Name(member.Key), Literal(member.Value))), "}"),
        JsonArray items => Joined("[", items.Select(Literal), "]"),
        JsonValue text when text.GetValueKind() == JsonValueKind.String => Name(text.GetValue<string>()),
        null => Text("null"),
        _ => Text(value.ToJsonString()),
    };

    /// <summary>A string, quoted.</summary>
    public Language Name(string name) => Grammar.Literal(Encoding.UTF8.GetBytes(Quote(name)));

    /// <summary>The shortest spelling of a string.</summary>
    public static string Quote(string text)
    {
        StringBuilder quoted = new("\"");
        foreach (char c in text)
            quoted.Append(c is '"' or '\\' or < ' ' ? EscapeOf(c) : c.ToString());
        return quoted.Append('"').ToString();
    }

    /// <summary>A character of a set, in its shortest spelling.</summary>
    public Language Characters(CodePointSet set)
    {
        List<Language> spellings = [];
        CodePointSet escaped = CodePointSet.Of((0, 0x1F), ('"', '"'), ('\\', '\\'));
        foreach ((int first, int last) in set.Intersect(escaped.Complement()).Ranges)
            spellings.Add(Utf8.Range(Grammar, first, last));
        foreach ((int first, int last) in set.Intersect(escaped).Ranges)
        {
            for (int c = first; c <= last; c++)
                spellings.Add(Text(EscapeOf((char)c)));
        }

        return Grammar.Choice([.. spellings]);
    }

    private static string EscapeOf(char c) => c switch
    {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\b' => "\\b",
        '\f' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        _ => $"\\u{(int)c:x4}",
    };

    private Language Joined(string open, IEnumerable<Language> items, string close)
    {
        Language? result = null;
        foreach (Language item in items.Reverse())
            result = result is null ? item : Grammar.Sequence(item, Comma, result);
        return Brackets(open, result ?? Grammar.Nothing, result is null, close);
    }

    private Language AnyAt(int depth) => depth == 0
        ? _scalar
        : Grammar.Choice(_scalar, AnyObjectAt(depth), List("[", AnyAt(depth - 1), 0, int.MaxValue, "]"));

    private Language AnyObjectAt(int depth)
    {
        if (!_anyObjects.TryGetValue(depth, out Language? known))
            _anyObjects[depth] = known = List("{", Member(String, AnyAt(depth - 1)), 0, int.MaxValue, "}");
        return known;
    }

    /// <summary>e and what keeps a number with <see cref="MostDigits"/> digits within a double.</summary>
    private Language Exponent() => Grammar.Sequence(
        Grammar.Bytes(ByteSet.Of((byte)'e') | ByteSet.Of((byte)'E')),
        Grammar.Optional(Grammar.Choice(Text("+"), Text("-"))),
        Grammar.Choice(
            Grammar.Repeat(Digit, 1, 2),
            Grammar.Sequence(Text("1"), Digit, Digit),
            Grammar.Sequence(Text("2"), Range('0', '7'), Digit)));

    /// <summary>\u with four digits that are a character, or twice with a pair of surrogates.</summary>
    private Language Escaped()
    {
        Language hex = Grammar.Choice(Digit, Range('a', 'f'), Range('A', 'F'));
        Language d = Grammar.Choice(Text("d"), Text("D")), low = Range('0', '7');
        Language high = Grammar.Choice(Text("8"), Text("9"), Grammar.Choice(Text("a"), Text("b")), Grammar.Choice(Text("A"), Text("B")));
        Language trailing = Grammar.Choice(Range('c', 'f'), Range('C', 'F'));
        Language other = Grammar.Choice(Digit, Range('a', 'c'), Range('A', 'C'), Range('e', 'f'), Range('E', 'F'));
        return Grammar.Sequence(Text("\\u"), Grammar.Choice(
            Grammar.Sequence(other, hex, hex, hex),
            Grammar.Sequence(d, low, hex, hex),
            Grammar.Sequence(Grammar.Sequence(d, high, hex, hex), Text("\\u"), Grammar.Sequence(d, trailing, hex, hex))));
    }
}
