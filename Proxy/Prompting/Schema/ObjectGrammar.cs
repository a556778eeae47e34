using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>The objects of a shape: named members in their order, each required or not, then what else may be there.</summary>
internal sealed class ObjectGrammar
{
    private readonly JsonGrammar _json;
    private readonly Grammar _grammar;
    private readonly List<(Language Member, bool Required)> _members = [];
    private readonly Language _other;
    private readonly int _min, _max;
    private readonly Dictionary<(int, int), Language> _from = [], _beginning = [];
    private readonly int[] _requiredFrom;

    public ObjectGrammar(JsonGrammar json, Func<JsonNode?, Language> valueOf, SchemaShape shape, AllowedNames? names)
    {
        (_json, _grammar, _min, _max) = (json, json.Grammar, shape.MinProperties, shape.MaxProperties);
        List<(string Name, JsonNode? Schema)> named = [.. shape.Properties ?? []];
        foreach (string name in shape.Required.Where(name => !named.Exists(property => property.Name == name)))
            named.Add((name, shape.Additional));
        bool open = shape.Additional is not null || shape.Properties is null || shape.MinProperties > named.Count;
        foreach (string name in open ? (names?.All ?? []).Where(name => !named.Exists(property => property.Name == name)).ToArray() : [])
            named.Add((name, shape.Additional));
        foreach ((string name, JsonNode? schema) in named)
        {
            Language spelled = names is null ? json.Name(name) : _grammar.Both(json.Name(name), names.Quoted);
            _members.Add((json.Member(spelled, valueOf(schema)), shape.Required.Contains(name)));
        }

        _requiredFrom = new int[named.Count + 1];
        for (int i = named.Count - 1; i >= 0; i--)
            _requiredFrom[i] = _requiredFrom[i + 1] + (_members[i].Required ? 1 : 0);

        _other = _grammar.Nothing;
        if (open && names?.All is null)
        {
            Language others = Quoted(NotAmong([.. named.Select(property => Characters(property.Name))]));
            _other = json.Member(names is null ? others : _grammar.Both(others, names.Quoted), valueOf(shape.Additional));
        }
    }

    public Language Build() => _json.Brackets("{", From(0, 0), _requiredFrom[0] == 0 && _min == 0, "}");

    /// <summary>The members from the one at <paramref name="index"/> on, at least one, where <paramref name="count"/> have come.</summary>
    private Language From(int index, int count)
    {
        if (count >= _max || _requiredFrom[index] > _max - count)
            return _grammar.Nothing;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        (int, int) key = (index, CountThatMatters(count));
        if (_from.TryGetValue(key, out Language? known))
            return known;
        List<Language> first = [];
        for (int i = index; i < _members.Count && _requiredFrom[i] == _requiredFrom[index]; i++)
            first.Add(Beginning(i, count));
        if (_requiredFrom[index] == 0)
        {
            first.Add(_grammar.Sequence(_other, _grammar.Repeat(
                _grammar.Sequence(_json.Comma, _other), Math.Max(0, _min - count - 1), _max == int.MaxValue ? _max : _max - count - 1)));
        }

        return _from[key] = _grammar.Choice([.. first]);
    }

    /// <summary>The member at <paramref name="index"/> and what follows it.</summary>
    private Language Beginning(int index, int count)
    {
        (int, int) key = (index, CountThatMatters(count));
        return _beginning.TryGetValue(key, out Language? known)
            ? known
            : _beginning[key] = _grammar.Sequence(_members[index].Member, Rest(index + 1, count + 1));
    }

    /// <summary>Without an upper limit all counts that reach the lower one are alike.</summary>
    private int CountThatMatters(int count) => _max == int.MaxValue ? Math.Min(count, _min) : count;

    private Language Rest(int index, int count) => _grammar.Choice(
        _requiredFrom[index] == 0 && count >= _min ? _grammar.Empty : _grammar.Nothing,
        _grammar.Sequence(_json.Comma, From(index, count)));

    private Language Quoted(Language text) => _grammar.Sequence(_json.Text("\""), text, _json.Text("\""));

    /// <summary>Texts that are none of some.</summary>
    private Language NotAmong(List<ArraySegment<int>> texts)
    {
        Language anything = _grammar.Repeat(_json.CanonicalCharacter, 0, int.MaxValue);
        if (texts.Count == 0)
            return anything;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        List<Language> parts = [texts.Exists(text => text.Count == 0) ? _grammar.Nothing : _grammar.Empty];
        CodePointSet firsts = CodePointSet.Empty;
        foreach (IGrouping<int, ArraySegment<int>> group in texts.Where(text => text.Count > 0).GroupBy(text => text[0]))
        {
            CodePointSet first = CodePointSet.Of((group.Key, group.Key));
            firsts = firsts.Union(first);
            parts.Add(_grammar.Sequence(_json.Characters(first), NotAmong([.. group.Select(text => text[1..])])));
        }

        parts.Add(_grammar.Sequence(_json.Characters(firsts.Complement()), anything));
        return _grammar.Choice([.. parts]);
    }

    private static ArraySegment<int> Characters(string name) => name.EnumerateRunes().Select(rune => rune.Value).ToArray();
}

/// <summary>What the names of an object's members may be.</summary>
/// <param name="Quoted">As they are spelled.</param>
/// <param name="All">Each of them, where they are listed.</param>
internal sealed record AllowedNames(Language Quoted, IReadOnlyList<string>? All);
