using System.Globalization;
using System.Text.Json.Nodes;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>Each construct of the language against what Jinja2 itself makes of it (tests/golden/jinja), and what cannot be
/// recorded.</summary>
public sealed class JinjaTemplateTests
{
    private static readonly DateTimeOffset SomeDay = new(2024, 3, 5, 14, 7, 9, TimeSpan.Zero);

    [Theory]
    [InlineData("expressions")]
    [InlineData("statements")]
    public void Construct_DoesWhatJinja2Does(string file)
    {
        string[] lines = File.ReadAllLines(TestFiles.Golden("jinja", file + ".jsonl"));
        JsonObject variables = JsonNode.Parse(lines[0])!["variables"]!.AsObject();
        foreach (JsonNode golden in lines.Skip(1).Select(line => JsonNode.Parse(line)!))
        {
            string template = (string)golden["template"]!;
            Assert.Equal($"{template}\n{(string?)golden["rendered"] ?? (string)golden["error"]!}",
                $"{template}\n{Rendering.Describe(template, variables)}");
        }

        Assert.True(lines.Length > 100);
    }

    [Theory]
    [InlineData("%Y-%m-%d", "2024-03-05")]
    [InlineData("%d %b %Y", "05 Mar 2024")]
    [InlineData("%B %-d, %Y", "March 5, 2024")]
    [InlineData("%A, %e %B %y %j", "Tuesday,  5 March 24 065")]
    [InlineData("%H:%M:%S %I %p", "14:07:09 02 PM")]
    [InlineData("%c|%x|%X|%D|%T|%F", "Tue Mar  5 14:07:09 2024|03/05/24|14:07:09|03/05/24|14:07:09|2024-03-05")]
    [InlineData("%U %W %V %G %u %w %% %Q", "09 10 10 2024 2 2 % %Q")]
    public void StrftimeNow_WritesTheClockAsCDoes(string format, string expected)
    {
        JinjaTemplate template = JinjaTemplate.Parse("{{ strftime_now('" + format + "') }}", new StoppedClock());
        Assert.Equal(expected, template.Render(new JsonObject()));
    }

    [Theory]
    [InlineData("ışık ſ straße ΐ", "IŞIK S STRASSE \u0399\u0308\u0301", "Işık S Straße \u0399\u0308\u0301")]
    [InlineData("ქართული ǆep ﬁn ßa", "ᲥᲐᲠᲗᲣᲚᲘ ǄEP FIN SSA", "ქართული ǅep Fin Ssa")]
    [InlineData("ΟΔΟΣ ÉTÉ ΑΣ.", "ΟΔΟΣ ÉTÉ ΑΣ.", "Οδος Été Ας.")]
    public void Case_FollowsTheLettersOfEachAlphabet(string text, string upper, string title)
    {
        JsonObject variables = new() { ["s"] = text };
        Assert.Equal(upper, Rendering.Describe("{{ s | upper }}", variables));
        Assert.Equal(title, Rendering.Describe("{{ s.title() }}", variables));
    }

    [Fact]
    public void Error_KnowsItsLine()
    {
        Assert.Equal(3, Assert.Throws<JinjaException>(() => JinjaTemplate.Parse("a\nb\n{{ 1 + }}")).Line);
        Assert.Equal(4, Assert.Throws<JinjaException>(() =>
            JinjaTemplate.Parse("a\nb\n{% if true %}\n{{ missing.x }}{% endif %}\nc").Render([])).Line);
        JinjaException raised = Assert.Throws<JinjaException>(() => JinjaTemplate.Parse("{{ raise_exception('no ' ~ 1) }}").Render([]));
        Assert.Equal(("TemplateError", "no 1"), (raised.Kind, raised.Reason));
        Assert.Contains("no 1", raised.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_KeepWhatJsonSaysTheyAre()
    {
        JsonObject variables = JsonNode.Parse("""{"a": 1, "b": 1.0, "c": 123456789012345678901234567890, "d": 1e2, "e": -0.0}""")!.AsObject();
        variables["f"] = 1.0;
        variables["g"] = 7;
        Assert.Equal("1.4285714285714286e+16 1.2345678901234568e+29 -1.2345678901234568e+29 1.763668414462081e+28",
            Rendering.Describe("{{ 10 ** 17 / 7 }} {{ c | float }} {{ -c * 1.0 }} {{ c / 7 }}", variables));
        Assert.Equal("1 1.0 123456789012345678901234567890 100.0 -0.0 1.0 7",
            Rendering.Describe("{{ a }} {{ b }} {{ c }} {{ d }} {{ e }} {{ f }} {{ g }}", variables));
    }

    [Fact]
    public void Template_IsRenderedByManyThreadsAtOnce()
    {
        JinjaTemplate template = JinjaTemplate.Parse("{% set ns = namespace(t='') %}{% for i in range(n) %}{% set ns.t = ns.t ~ i %}{% endfor %}{{ ns.t }}");
        string[] results = new string[64];
        Parallel.For(0, results.Length, i => results[i] = template.Render(new JsonObject { ["n"] = i }));
        for (int i = 0; i < results.Length; i++)
            Assert.Equal(string.Concat(Enumerable.Range(0, i).Select(n => n.ToString(CultureInfo.InvariantCulture))), results[i]);
    }

    private sealed class StoppedClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => SomeDay;
    }
}
