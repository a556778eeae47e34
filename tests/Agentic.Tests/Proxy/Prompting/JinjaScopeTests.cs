using System.Text.Json.Nodes;

namespace Agentic.Tests;

/// <summary>Whose a name is, and what a loop that is left early does: Jinja2's own ways, which its 3.1.6 says here.</summary>
public sealed class JinjaScopeTests
{
    private static readonly JsonObject Variables = JsonNode.Parse("""
        {"x": "given", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
        """)!.AsObject();

    [Theory]
    [InlineData("{% for m in messages %}[{{ x }}]{% endfor %}{% set x = 'own' %}{{ x }}", "[][]own")]
    [InlineData("{% macro m() %}[{{ x }}]{% endmacro %}{{ m() }}{% set x = 'own' %}{{ m() }}", "[][own]")]
    [InlineData("{% macro m() %}[{{ x }}]{% endmacro %}{{ m() }}{% if true %}{% set x = 'own' %}{% endif %}{{ m() }}", "[given][own]")]
    [InlineData("{{ x }}{% for m in messages %}[{{ x }}]{% endfor %}{% set x = 'own' %}{{ x }}", "given[given][given]own")]
    [InlineData("{% set x = x | upper %}{% for m in messages %}[{{ x }}]{% endfor %}", "[GIVEN][GIVEN]")]
    [InlineData("{% set x %}{{ x }}!{% endset %}{{ x }}", "!")]
    [InlineData("{% for m in messages %}{% with %}{{ x }}{% endwith %}{% set x = m.role %}{{ x }},{% endfor %}{{ x }}",
        "givenuser,givenassistant,given")]
    [InlineData("{% for m in messages %}{% filter upper %}{{ x }}{% endfilter %}{% endfor %}{% macro x() %}{% endmacro %}", "")]
    public void NameThatTheTemplateAssigns_IsNotTheOneItWasGiven(string template, string expected) => Compare(template, expected);

    [Theory]
    [InlineData("{% macro m(x=x) %}{{ x is defined }}{% endmacro %}{{ m() }}", "False")]
    [InlineData("{% macro m(a=b, b=1) %}{{ a is defined }}{{ b }}{% endmacro %}{{ m() }}", "False1")]
    [InlineData("{% macro m(a, b=a ~ x) %}{{ b }}{% endmacro %}{{ m(1) }}", "1given")]
    public void Default_KnowsOnlyTheParametersBeforeIt(string template, string expected) => Compare(template, expected);

    [Theory]
    [InlineData("{% for m in messages %}{% if m.role == 'user' %}{% break %}{% endif %}{% else %}none{% endfor %}", "none")]
    [InlineData("{% for m in messages %}{% if m.role == 'assistant' %}{% break %}{% endif %}{% else %}none{% endfor %}", "")]
    [InlineData("{% for m in messages %}{{ m.content }}{% continue %}{% else %}none{% endfor %}", "abnone")]
    public void LoopWithoutARoundThatCameToItsEnd_GoesOnWithElse(string template, string expected) => Compare(template, expected);

    [Theory]
    [InlineData(
        "{% for m in messages %}{{ m.content }}{% set t %}{{ m.role }}{% if loop.first %}{% continue %}{% endif %}{% endset %}{{ t }}{% endfor %}",
        "abassistant")]
    [InlineData("{% for m in messages %}{{ m.content }}{% filter upper %}{{ m.role }}{% break %}{% endfilter %}{% endfor %}.", "a.")]
    public void LoopLeftInsideACapturedBody_DropsIt(string template, string expected) => Compare(template, expected);

    [Theory]
    [InlineData(
        "{% for m in messages %}{% for c in m.content %}{% macro f() %}{{ c, loop.index, m.role }}{% endmacro %}{{ f() }}{% endfor %}{% endfor %}",
        "('a', 1, 'user')('b', 1, 'assistant')")]
    [InlineData(
        "{% set ns = namespace() %}{% for m in messages %}{% macro f() %}{{ m.role }}{% endmacro %}{% if loop.first %}{% set ns.f = f %}{% endif %}{{ ns.f() }},{% endfor %}",
        "user,assistant,")]
    [InlineData("{% for m in messages if m.role == 'user' %}{{ m.content }}{{ loop.length }}{{ loop.last }}{% endfor %}", "a1True")]
    public void Rounds_ShareAFrameAndNoVariables(string template, string expected) => Compare(template, expected);

    [Theory]
    [InlineData("{% for m in messages %}{% set loop = 1 %}{% endfor %}",
        "TemplateAssertionError: Can't assign to special loop variable in for-loop target")]
    [InlineData("{{ namespace(missing) }}", "UndefinedError: 'missing' is undefined")]
    [InlineData("{{ dict(messages[0].x) }}", "UndefinedError: 'dict object' has no attribute 'x'")]
    [InlineData("<{{ self.DEFAULT }}>{{ self is defined }}", "<>True")]
    [InlineData("{{ self.DEFAULT.x }}", "UndefinedError: 'jinja2.runtime.TemplateReference object' has no attribute 'DEFAULT'")]
    [InlineData("{{ 'plain' % messages }}|{{ 'plain' % missing }}", "plain|plain")]
    [InlineData("{{ 'plain' % 1 }}", "TypeError: not all arguments converted during string formatting")]
    public void SpecialName_IsWhatJinja2MakesOfIt(string template, string expected) => Compare(template, expected);

    private static void Compare(string template, string expected) =>
        Assert.Equal($"{template}\n{expected}", $"{template}\n{Rendering.Describe(template, Variables)}");
}
