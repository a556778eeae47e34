using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary>Templates that are broken, or that mean harm, end in an error of their own and soon.</summary>
public sealed class JinjaDamageTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static TheoryData<string> Bombs() =>
    [
        "{{ 'a' * 10 ** 10 }}",
        "{{ [0] * 10 ** 10 }}",
        "{{ 2 ** 1000000 }}",
        "{{ range(100001) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ 'a'.center(10 ** 10) }}",
        "{{ ('a' * 30000000).split('a') }}",
        "{{ ('a' * 30000000).replace('a', 'b' * 1000) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% set r = range(100000) %}{% for a in r %}{% for b in r %}{% for c in r %}{% endfor %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x=2) %}{% for i in range(100) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x | tojson }}",
        "{% set ns = namespace(x=1, y=1) %}{% for i in range(60) %}{% set ns.x = (ns.x, ns.x) %}{% set ns.y = (ns.y, ns.y) %}{% endfor %}{{ ns.x == ns.y }}",
        "{% set ns = namespace(x=1) %}{% for i in range(60) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ {ns.x: 1} }}",
        "{% for i in range(100000) %}{{ 'a' * 1000 }}{% endfor %}",
    ];

    [Theory]
    [MemberData(nameof(Bombs))]
    public void TemplateWithoutEnd_IsStopped(string source)
    {
        string outcome = InTime(() => Rendering.Describe(source, []));
        Assert.Matches("^(LimitError|RecursionError|OverflowError): ", outcome);
    }

    [Theory]
    [InlineData("((", "1", "))")]
    [InlineData("[[", "1", "]]")]
    [InlineData("not not ", "1", "")]
    [InlineData("--", "1", "")]
    [InlineData("", "1", "+1+1")]
    [InlineData("", "x", ".x.x")]
    [InlineData("", "x", "(1)(1)")]
    [InlineData("", "x", "|list|list")]
    [InlineData("", "1", " if 1 else 1")]
    [InlineData("", "1", " and 1 or 1")]
    [InlineData("", "1", "**1**1")]
    public void ExpressionNestedTooDeep_IsRefusedOnAnyStack(string before, string middle, string after)
    {
        string source = $"{{{{ {string.Concat(Enumerable.Repeat(before, 20_000))}{middle}{string.Concat(Enumerable.Repeat(after, 20_000))} }}}}";
        Assert.StartsWith("RecursionError", OnSmallStack(() => Rendering.Describe(source, [])), StringComparison.Ordinal);
        Assert.StartsWith("RecursionError",
            OnSmallStack(() => Rendering.Describe(string.Concat(Enumerable.Repeat("{% if 1 %}", 20_000)), [])), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void MutatedTemplate_RendersOrSaysWhatIsWrong(int seed)
    {
        Random random = new(seed);
        string[] names = [.. Directory.GetFiles(TestFiles.Golden("templates"), "*.jinja").Order(StringComparer.Ordinal)];
        string[] pieces = ["{%", "%}", "{{", "}}", "{#", "#}", "-", "(", ")", "[", "]", "|", "'", "\\", "if ", "for ", "endfor", " * ",
            " ** ", "99", ":", "~", "\0", "😀", "loop"];
        int errors = 0;
        for (int round = 0; round < 400; round++)
        {
            string name = names[random.Next(names.Length)];
            string source = File.ReadAllText(name);
            for (int edits = random.Next(1, 5); edits > 0; edits--)
            {
                int at = random.Next(source.Length), length = random.Next(Math.Min(12, source.Length - at));
                source = source.Remove(at, length).Insert(at, random.Next(3) == 0 ? "" : pieces[random.Next(pieces.Length)]);
            }

            JsonObject variables = JsonNode.Parse(File.ReadLines(Path.ChangeExtension(name, ".jsonl")).First())!["variables"]!.AsObject();
            errors += InTime(() => Rendering.Describe(source, variables)).Contains("Error: ", StringComparison.Ordinal) ? 1 : 0;
        }

        Assert.InRange(errors, 50, 400);
    }

    private static string InTime(Func<string> render)
    {
        Stopwatch watch = Stopwatch.StartNew();
        string outcome = render();
        Assert.True(watch.Elapsed < Patience, $"took {watch.Elapsed}: {outcome}");
        return outcome;
    }

    /// <summary>A quarter of what threads of the pool have.</summary>
    private static string OnSmallStack(Func<string> render)
    {
        string outcome = "";
        Thread thread = new(() => outcome = render(), 384 << 10);
        thread.Start();
        thread.Join();
        return outcome;
    }
}
