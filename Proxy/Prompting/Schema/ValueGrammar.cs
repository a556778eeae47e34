using System.Numerics;
using System.Text;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>The values of a shape, type by type.</summary>
/// <param name="json">Spells them.</param>
/// <param name="valueOf">The values of a schema within it.</param>
internal sealed class ValueGrammar(JsonGrammar json, Func<JsonNode?, Language> valueOf)
{
    private readonly Grammar _grammar = json.Grammar;
    private readonly NumberRange _numbers = new(json);

    public Language Of(SchemaShape shape)
    {
        SchemaTypes types = shape.EffectiveTypes;
        if (shape.Enum is { } values)
            return _grammar.Choice(
                [.. values.Where(value => (SchemaShape.TypesOf(value) & types) != 0 && Admits(shape, value)).Select(json.Literal)]);
        List<Language> kinds = [];
        if (types.HasFlag(SchemaTypes.Null))
            kinds.Add(json.Text("null"));
        if (types.HasFlag(SchemaTypes.Boolean))
            kinds.Add(_grammar.Choice(json.Text("true"), json.Text("false")));
        if (types.HasFlag(SchemaTypes.Object))
            kinds.Add(new ObjectGrammar(json, valueOf, shape, NamesOf(shape)).Build());
        if (types.HasFlag(SchemaTypes.Array))
            kinds.Add(Array(shape));
        if (types.HasFlag(SchemaTypes.String))
            kinds.Add(String(shape));
        if ((types & SchemaTypes.Number) != 0)
            kinds.Add(Number(shape, integers: !types.HasFlag(SchemaTypes.Fraction)));
        return _grammar.Choice([.. kinds]);
    }

    /// <summary>Whether an enumerated string or number is within the shape's other keywords.</summary>
    private bool Admits(SchemaShape shape, JsonNode? value)
    {
        Language? all = SchemaShape.TypesOf(value) switch
        {
            SchemaTypes.String => String(shape),
            SchemaTypes.Integer or SchemaTypes.Fraction when shape.Least.Count + shape.Most.Count + shape.MultipleOf.Count > 0 =>
                Number(shape, integers: false),
            _ => null,
        };
        if (all is null)
            return true;
        string text = SchemaShape.TypesOf(value) == SchemaTypes.String
            ? JsonGrammar.Quote(value!.GetValue<string>())
            : value!.ToJsonString();
        return _grammar.Matches(all, Encoding.UTF8.GetBytes(text));
    }

    /// <summary>What an object's names must be, or null where they may be anything.</summary>
    private AllowedNames? NamesOf(SchemaShape shape)
    {
        if (shape.Names.Count == 0)
            return null;
        SchemaShape name = shape.Names.Select(names => names as JsonObject is { } schema ? SchemaShape.Of(schema)
            : names!.GetValue<bool>() ? new() : new() { Types = SchemaTypes.None }).Aggregate((all, part) => all.And(part));
        if (!name.EffectiveTypes.HasFlag(SchemaTypes.String))
            return new(_grammar.Nothing, []);
        if (name.Enum is not { } values)
            return new(String(name), null);
        List<string> texts = [.. values.Where(value => SchemaShape.TypesOf(value) == SchemaTypes.String && Admits(name, value))
            .Select(value => value!.GetValue<string>())];
        return new(_grammar.Choice([.. texts.Select(json.Name)]), texts);
    }

    private Language String(SchemaShape shape)
    {
        if (shape.Patterns.Count + shape.Formats.Count == 0)
            return Quoted(_grammar.Repeat(json.Character, shape.MinLength, shape.MaxLength));
        Language? text = null;
        foreach (string pattern in shape.Patterns)
            text = And(Pattern.Parse(json, pattern));
        foreach (string format in shape.Formats)
        {
            // By itself a format is an annotation. Where no text of it fits the pattern, the client means another by that name: zod's
            // times have no offset.
            Language both = And(Pattern.Parse(json, format));
            text = both == _grammar.Nothing && shape.Patterns.Count > 0 ? text : both;
        }

        if (shape.MinLength > 0 || shape.MaxLength < int.MaxValue)
            text = And(_grammar.Repeat(json.CanonicalCharacter, shape.MinLength, shape.MaxLength));
        return Quoted(text!);

        Language And(Language other) => text is null ? other : _grammar.Both(text, other);
    }

    private Language Quoted(Language text) => _grammar.Sequence(json.Text("\""), text, json.Text("\""));

    private Language Number(SchemaShape shape, bool integers)
    {
        Language number = integers
            ? _numbers.Integers(
                shape.Least.Count == 0 ? null : shape.Least.Max(bound => Whole(bound.Bound, bound.Strict, up: true)),
                shape.Most.Count == 0 ? null : shape.Most.Min(bound => Whole(bound.Bound, bound.Strict, up: false)))
            : shape.Least.Count + shape.Most.Count + shape.MultipleOf.Count == 0 ? json.Number : json.Decimal;
        if (!integers)
        {
            foreach ((decimal bound, bool strict) in shape.Least)
                number = _grammar.Both(number, _numbers.AtLeast(bound, strict));
            foreach ((decimal bound, bool strict) in shape.Most)
                number = _grammar.Both(number, _numbers.AtMost(bound, strict));
        }

        foreach (decimal step in shape.MultipleOf)
        {
            Language multiples = Multiples.Of(json, step, integers)
                ?? throw new SchemaException("", $"'multipleOf' {step} has too many digits: "
                    + $"at most {Multiples.MostStates}, with the point left out");
            number = _grammar.Both(number, multiples);
        }

        return number;
    }

    private static BigInteger Whole(decimal bound, bool strict, bool up)
    {
        decimal whole = up ? decimal.Ceiling(bound) : decimal.Floor(bound);
        return (BigInteger)whole + (strict && whole == bound ? (up ? 1 : -1) : 0);
    }

    private Language Array(SchemaShape shape)
    {
        int prefix = Math.Min(shape.Prefix?.Count ?? 0, shape.MaxItems);
        bool needsMore = shape.Prefix is null || shape.MinItems > prefix;   // elements nobody speaks of come only where they must
        Language item = shape.Items is not null || needsMore ? valueOf(shape.Items) : _grammar.Nothing;
        if (prefix == 0)
            return json.List("[", item, shape.MinItems, item == _grammar.Nothing ? 0 : shape.MaxItems, "]");
        Language rest = _grammar.Repeat(_grammar.Sequence(json.Comma, item), Math.Max(0, shape.MinItems - prefix),
            shape.MaxItems == int.MaxValue ? int.MaxValue : shape.MaxItems - prefix);
        for (int i = prefix - 1; i >= 0; i--)
        {
            Language end = i + 1 >= shape.MinItems && i + 1 < prefix ? _grammar.Empty : _grammar.Nothing;
            Language more = i + 1 < prefix ? _grammar.Sequence(json.Comma, rest) : rest;
            rest = _grammar.Sequence(valueOf(shape.Prefix![i]), _grammar.Choice(end, more));
        }

        return json.Brackets("[", rest, shape.MinItems == 0, "]");
    }
}
