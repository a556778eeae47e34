using System.Diagnostics;
using System.Text.Json.Nodes;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>
/// Whatever a template does with whatever values, it ends within about a second and some tens of megabytes: in a text, or in an error
/// of its own.
/// </summary>
public sealed class JinjaBudgetTests(ITestOutputHelper output)
{
    /// <summary>The rendering's own clock stops it after one; the rest is for a machine that does other things as well.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private const long MaxBytes = 64 << 20;

    private static readonly string[] Values =
    [
        "('a' * 1000000)", "('ab' * 400000)", "('😀' * 200000)", "(' a' * 400000)", "('<&' * 400000)", "('1_' * 400000 ~ '1')", "('\\n' * 900000)",
        "('{}' * 300000)", "('%s' * 300000)", "('{' * 300000)", "('a-' * 300000)", "('a' * 400000 ~ 'b' ~ 'a' * 400000)", "('%c' * 300000)",
        "([1] * 200000)", "([[]] * 200000)", "(['a' * 100000] * 100000)", "[]", "((1,) * 100000)", "range(100000)", "([0.1] * 50000)",
        "(2 ** 60000)", "(-2)", "(10 ** 9)", "2147483647", "9223372036854775807", "(-9223372036854775807)", "1e308", "0.1", "none", "true",
        "{}", "{'a': 1}", "dict(([[1, 2]] * 1000))", "dict.fromkeys(range(90000))", "dict.fromkeys(range(90000)).items()", "'a'", "''", "'%s'",
        "'{}'", "' '", "'😀'", "1", "0", "-1", "100000", "missing", "namespace(a='a' * 1000000)", "('a' | safe)", "cycler(1)",
    ];

    private static readonly string[] Filters =
    [
        "abs", "attr", "batch", "capitalize", "center", "default", "dictsort", "escape", "filesizeformat", "first", "float", "forceescape",
        "format", "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "pprint", "random",
        "reject", "rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr", "slice", "sort", "string", "striptags", "sum",
        "title", "tojson", "trim", "truncate", "unique", "upper", "urlencode", "wordcount", "wordwrap", "xmlattr",
    ];

    private static readonly string[] Methods =
    [
        "split", "rsplit", "splitlines", "partition", "rpartition", "join", "format", "format_map", "strip", "lstrip", "rstrip", "upper",
        "lower", "title", "capitalize", "swapcase", "replace", "removeprefix", "removesuffix", "ljust", "rjust", "center", "zfill",
        "expandtabs", "isalpha", "isdigit", "isidentifier", "islower", "istitle", "isprintable", "startswith", "endswith", "find", "rfind",
        "index", "count", "get", "items", "keys", "values", "copy", "fromkeys",
    ];

    private static readonly string[] Operators = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "<", "in", "and"];

    public static TheoryData<string> Costly() =>
    [
        "{{ [] * 2147483647 }}",
        "{{ (-2) ** 10 ** 9 }}",
        "{{ '{:b}'.format(2 ** 60000) }}",
        "{{ '{:,}'.format(10 ** 4000) }}",
        "{{ '%.100000f' % 0.1 }}",
        "{{ ('1_' * 500000 ~ '1') | int }}",
        "{{ ('a' * 400000 ~ 'b' ~ 'a' * 400000) in 'a' * 1000000 }}",
        "{{ ('a' * 1000000).replace('a' * 400000 ~ 'b' ~ 'a' * 400000, '') }}",
        "{{ ('b' * 1000000).strip('a' * 900000 ~ 'b') }}",
        "{{ ('a' * 500000).replace('', 'b', 400000) }}",
        "{% for i in range(100000) %}{{ '' if ('a' * 900000) == ('a' * 900000) }}{% endfor %}",
        "{% set a = 'a' * 900000 %}{% set b = a ~ '' %}{% for i in range(100000) %}{{ '' if a == b or a < b or {a: b} }}{% endfor %}",
        "{% set a = '😀' * 400000 %}{% for i in range(100000) %}{{ a[399999] }}{% endfor %}",
        "{% set ns = namespace(d={}) %}{% for i in range(100000) %}{% set ns.d = dict(ns.d, **{i ~ '': 2 ** 1000 + i}) %}{% endfor %}",
        "{{ range(100000) | map('string') | map('replace', '', 'a' * 1000) | join | length }}",
        "{% set x = 2 ** 2000 %}{% set ns = namespace(a=[]) %}{% for i in range(50000) %}{% set ns.a = ns.a + [[x + i, i]] %}{% endfor %}",
        "{{ range(99999) | map('multiply') | list }}",
        "{% for k in range(30000) %}{% if dict([[k * 4294967297, 1]] * 100) %}{% endif %}{% endfor %}",
        "{{ (range(100000) | list) | tojson(indent='a' * 900000) }}",
        "{{ ([[[[[[1]]]]]] * 1000) | tojson(indent='a' * 100000) }}",
        "{{ strftime_now('%c' * 300000) }}",
        "{{ '\\t' * 100000 | length }}{{ ('\\t' * 100000).expandtabs(900000) }}",
        "{{ (['a' * 900000] * 90000) | sort | length }}",
        "{{ ([[1] * 1000] * 1000) | sum(start=[]) | length }}",
        "{{ dict.fromkeys(range(90000), 'a' * 900000) | xmlattr | length }}",
        "{% macro m(a) %}{{ a ~ a }}{% endmacro %}{{ m(m(m(m(m(m(m(m(m(m(m(m('a' * 1000)))))))))))) }}",
    ];

    [Theory]
    [MemberData(nameof(Costly))]
    public void CostlyTemplate_EndsSoonAndSmall(string source) => Watch(source);

    /// <summary>What a conversation honestly needs is not refused, however long it is.</summary>
    [Theory]
    [InlineData("bundled", 400, 10_000)]
    [InlineData("bundled", 20_000, 50)]
    public void LongHistory_IsRendered(string name, int messages, int characters)
    {
        JinjaTemplate template = JinjaTemplate.Parse(File.ReadAllText(TestFiles.Golden("templates", name + ".jinja")));
        JsonObject variables = JsonNode.Parse(File.ReadLines(TestFiles.Golden("templates", name + ".jsonl")).First())!["variables"]!.AsObject();
        string text = string.Concat(Enumerable.Repeat("é \"x\"\n", characters / 6));
        variables["messages"] = new JsonArray([.. Enumerable.Range(0, messages).Select(i =>
            new JsonObject { ["role"] = i % 2 == 0 ? "user" : "assistant", ["content"] = text })]);
        Stopwatch watch = Stopwatch.StartNew();

        (string? rendered, JinjaException? error) = Rendering.Of(template, variables);

        Assert.True(rendered?.Length >= messages * (long)text.Length, error?.Message);
        output.WriteLine($"{rendered.Length} characters in {watch.ElapsedMilliseconds} ms");
    }

    /// <summary>Templates of models that see look for images in every content, which is the text's characters where it is a string.</summary>
    [Fact]
    public void LongText_MayBeReadCharacterByCharacter()
    {
        JinjaTemplate template = JinjaTemplate.Parse("""
            {%- for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'image' %}!{% endif %}{% endfor %}{{ m.content }}{% endfor %}
            """);
        string text = string.Concat(Enumerable.Repeat("A quick brown fox.\n", 16_000));
        JsonObject variables = new() { ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text }) };

        (string? rendered, JinjaException? error) = Rendering.Of(template, variables);

        Assert.True(rendered == text, error?.Message);
    }

    /// <summary>Random expressions of large values, once and in a loop.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void RandomExpression_EndsSoonAndSmall(int seed)
    {
        Random random = new(seed);
        (TimeSpan Time, string Source) slowest = default;
        (long Bytes, string Source) largest = default;
        for (int round = 0; round < 150; round++)
        {
            string expression = Expression(random, depth: 2);
            string source = random.Next(4) > 0 ? $"{{{{ {expression} }}}}"
                : $"{{% set big = {Pick(random, Values)} %}}{{% for i in range(100000) %}}{{% set x = {expression} %}}{{% endfor %}}";
            (TimeSpan time, long bytes) = Watch(source);
            slowest = time > slowest.Time ? (time, source) : slowest;
            largest = bytes > largest.Bytes ? (bytes, source) : largest;
        }

        output.WriteLine($"slowest {slowest.Time.TotalMilliseconds:0} ms: {slowest.Source}");
        output.WriteLine($"largest {largest.Bytes >> 20} MB: {largest.Source}");
    }

    private static string Expression(Random random, int depth)
    {
        if (depth == 0 || random.Next(4) == 0)
            return random.Next(12) == 0 ? "big" : Pick(random, Values);
        string Inner() => Expression(random, depth - 1);
        string arguments = string.Join(", ", Enumerable.Range(0, random.Next(3)).Select(_ => Inner()));
        return random.Next(8) switch
        {
            0 or 1 => $"({Inner()} {Pick(random, Operators)} {Inner()})",
            2 or 3 => $"({Inner()} | {Pick(random, Filters)}({arguments}))",
            4 or 5 => $"({Inner()}).{Pick(random, Methods)}({arguments})",
            6 => $"({Inner()})[{Inner()}:{Inner()}:{Inner()}]",
            _ => $"('{Pick(random, ["{:b}", "{:,}", "{:>100000}", "{!r:.3}", "{:.5000f}", "{:e}"])}').format({Inner()})",
        };
    }

    private static string Pick(Random random, string[] from) => from[random.Next(from.Length)];

    private static (TimeSpan Time, long Bytes) Watch(string source)
    {
        JinjaTemplate template = JinjaTemplate.Parse(source);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Stopwatch watch = Stopwatch.StartNew();
        (string? text, JinjaException? error) = Rendering.Of(template, []);
        TimeSpan time = watch.Elapsed;
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(time < Patience, $"took {time}: {source}");
        Assert.True(bytes < MaxBytes, $"made {bytes >> 20} MB: {source}");
        Assert.True(text is not null || error!.Reason.Length > 0);
        return (time, bytes);
    }
}
