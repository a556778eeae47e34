using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>Makes of a JSON Schema the language of its instances, or of a part of them in which each is spelled in one order: members
/// come as
/// <c>properties</c> lists them.</summary>
/// <remarks>
/// Nothing outside the schema is ever in the language. Left out of it is what a schema allows without a word: members that neither
/// <c>properties</c> nor an explicit <c>additionalProperties</c> speak of, and elements beyond <c>prefixItems</c>.
/// </remarks>
internal sealed class SchemaCompiler
{
    private const int MostCharacters = 512 << 10;
    private const int CharactersAtOnce = 8;         // of JSON taken apart for a unit of work
    private const int MostWork = 200_000;           // of one schema, some tenths of a second
    private const int MostWorkOfAll = 600_000;      // of a request's

    private readonly JsonGrammar _json;
    private readonly Grammar _grammar;
    private readonly ValueGrammar _values;
    private readonly SchemaRules _rules;
    private readonly JsonNode _root;
    private readonly IReadOnlySet<string> _impossible;
    private readonly Dictionary<string, GrammarRule> _compiled = [];
    private readonly Queue<(GrammarRule Rule, JsonNode? Schema)> _open = [];

    private SchemaCompiler(JsonGrammar json, JsonNode root, SchemaRules rules, IReadOnlySet<string> impossible)
    {
        (_json, _grammar, _root, _rules, _impossible) = (json, json.Grammar, root, rules, impossible);
        _values = new ValueGrammar(json, Value);
    }

    /// <summary>The language of a schema.</summary>
    /// <param name="json">Of the grammar it becomes a part of.</param>
    /// <param name="schema">Any JSON.</param>
    /// <param name="lenient">Passes over keywords it cannot keep.</param>
    /// <exception cref="SchemaException">It is no schema, or not one that can be kept, or nothing satisfies it.</exception>
    public static Language Compile(JsonGrammar json, JsonNode? schema, bool lenient = false)
    {
        JsonNode root = schema?.DeepClone() ?? throw new SchemaException("", "a schema is an object or a boolean");
        if (root.ToJsonString().Length is var length and > MostCharacters)
            throw new SchemaException("", $"it has {length} characters; at most {MostCharacters} are supported");
        SchemaRules rules = new(lenient, MostWork);
        try
        {
            rules.Check(root, "");
            json.Grammar.MostWork = Math.Min(json.Grammar.Work + MostWork, MostWorkOfAll);
            return Compile(json, root, rules);
        }
        catch (Exception exception) when (exception is GrammarLimitException or InsufficientExecutionStackException)
        {
            throw new SchemaException("", "it is too large; make it smaller, or its pattern, lengths, enums and combinations simpler");
        }
        finally
        {
            json.Grammar.MostWork = long.MaxValue;
        }
    }

    private static Language Compile(JsonGrammar json, JsonNode root, SchemaRules rules)
    {
        SchemaCompiler first = new(json, root, rules, new HashSet<string>());
        Language start = first.Run();
        IReadOnlySet<GrammarRule> productive = ProductiveRules.Of([.. first._compiled.Values]);
        if (productive.Count < first._compiled.Count)
        {
            // Recursion without an end, or contradictions: a second time without what no value satisfies.
            HashSet<string> impossible = [.. first._compiled.Where(rule => !productive.Contains(rule.Value)).Select(rule => rule.Key)];
            start = new SchemaCompiler(json, root, rules, impossible).Run();
        }

        return start != json.Grammar.Nothing ? start : throw new SchemaException("", "no value can satisfy it");
    }

    private Language Run()
    {
        Language start = Value(_root);
        while (_open.TryDequeue(out (GrammarRule Rule, JsonNode? Schema) next))
        {
            next.Rule.Body = Body(next.Schema, []);
        }

        return start;
    }

    /// <summary>The values of a schema, by name: it may be part of itself.</summary>
    private Language Value(JsonNode? schema)
    {
        if (schema is null or { } and not JsonObject)
            return schema is null || schema.GetValueKind() == JsonValueKind.True ? _json.Any : _grammar.Nothing;
        string key = schema.ToJsonString();
        if (_impossible.Contains(key))
            return _grammar.Nothing;
        if (!_compiled.TryGetValue(key, out GrammarRule? rule))
        {
            _compiled[key] = rule = _grammar.Rule();
            _open.Enqueue((rule, schema));
        }

        return rule;
    }

    private Language Body(JsonNode? schema, HashSet<string> under)
    {
        if (schema is not JsonObject members)
            return Value(schema);
        RuntimeHelpers.EnsureSufficientExecutionStack();
        string key = members.ToJsonString();
        _grammar.Spend(1 + key.Length / CharactersAtOnce);
        if (!under.Add(key))
            return _grammar.Nothing;   // a value that is itself or something else is something else
        try
        {
            List<JsonObject> parts = [];
            if (!Collect(members, parts, []))
                return _grammar.Nothing;
            parts = [.. parts.DistinctBy(part => part.ToJsonString())];
            int combined = parts.FindIndex(part => part.ContainsKey("anyOf") || part.ContainsKey("oneOf"));
            if (combined < 0)
                return _values.Of(parts.Select(SchemaShape.Of).DefaultIfEmpty(new()).Aggregate((all, part) => all.And(part)));
            string keyword = parts[combined].ContainsKey("anyOf") ? "anyOf" : "oneOf";
            JsonArray branches = (JsonArray)parts[combined][keyword]!;
            parts[combined] = Without(parts[combined], keyword);
            parts.RemoveAll(part => part.Count == 0);
            return _grammar.Choice([.. branches.Select(branch => Body(With(branch, parts), under))]);
        }
        finally
        {
            under.Remove(key);
        }
    }

    /// <summary>Takes a schema apart into those that all hold at once, none with <c>$ref</c> or <c>allOf</c>.</summary>
    /// <returns>Whether anything satisfies it, as far as can be seen here.</returns>
    private bool Collect(JsonNode? schema, List<JsonObject> parts, HashSet<string> references)
    {
        if (schema is not JsonObject members)
            return schema is null || schema.GetValueKind() == JsonValueKind.True;
        JsonObject own = members;
        if (members["$ref"] is { } reference)
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            string target = reference.GetValue<string>();
            if (!references.Add(target))
                return true;   // it holds already
            if (!Collect(Resolve(target), parts, references))
                return false;
            own = Without(own, "$ref");
        }

        if (own["allOf"] is JsonArray all)
        {
            foreach (JsonNode? part in all)
            {
                if (!Collect(part, parts, references))
                    return false;
            }

            own = Without(own, "allOf");
        }

        if (own.Count > 0)
            parts.Add(own);
        return true;
    }

    private JsonNode? Resolve(string reference)
    {
        if (!reference.StartsWith('#') || (reference.Length > 1 && reference[1] != '/'))
            throw new SchemaException("", $"the reference '{reference}' does not begin with '#/': put what it names below '$defs'");
        JsonNode? at = _root;
        foreach (string step in Uri.UnescapeDataString(reference).Split('/').Skip(1))
        {
            string name = step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            at = at switch
            {
                JsonObject members => members[name],
                JsonArray items when int.TryParse(name, out int index) && index >= 0 && index < items.Count => items[index],
                _ => null,
            };
            if (at is null)
                throw new SchemaException("", $"the reference '{reference}' leads nowhere");
        }

        _rules.Check(at, reference);
        return at;
    }

    private static JsonObject Without(JsonObject schema, string keyword)
    {
        JsonObject rest = [];
        foreach ((string name, JsonNode? value) in schema)
        {
            if (name != keyword && !IsAnnotation(name))
                rest[name] = value?.DeepClone();
        }

        return rest;
    }

    private static JsonNode? With(JsonNode? branch, List<JsonObject> parts)
    {
        if (parts.Count == 0)
            return branch;
        JsonArray all = [.. parts.Select(part => part.DeepClone()), branch?.DeepClone()];
        return new JsonObject { ["allOf"] = all };
    }

    private static bool IsAnnotation(string name) => name is "title" or "description" or "default" or "examples" or "deprecated"
        or "readOnly" or "writeOnly" or "$defs" or "definitions" or "$schema" or "$id" or "$comment" or "discriminator";
}
