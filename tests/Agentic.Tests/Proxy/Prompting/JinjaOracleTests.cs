using System.Diagnostics;
using System.Text.Json.Nodes;
using Agentic.Proxy;
using Jint;

namespace Agentic.Tests;

/// <summary>
/// Held against an implementation that is neither ours nor Jinja2: npm's @huggingface/jinja, run by Jint. The package is fetched into
/// artifacts, never kept with the sources.
/// </summary>
[Trait("Needs", "npm")]
public sealed class JinjaOracleTests
{
    private const string Package = "@huggingface/jinja";
    private const string Version = "0.5.11";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly Lazy<string?> Source = new(Fetch);

    // It takes for text what Python calls an error, and the other way round: only what both render is compared.
    [Theory]
    [InlineData("alternating")]
    [InlineData("bundled")]
    [InlineData("ledger")]
    [InlineData("parts")]
    public void GoldenTemplate_RendersAsInTransformersJs(string name) =>
        Compare(File.ReadAllText(TestFiles.Golden("templates", name + ".jinja")), name);

    [Theory]
    [InlineData("""
        {%- for m in messages %}{% if loop.first and m.role != 'system' %}<|s|>none{{ eos_token }}
        {%- endif %}
        <|{{ m['role'] }}|>{{ m.content | trim if m.content is string else m.content | tojson }}{{ '' if loop.last else eos_token }}
        {%- endfor %}
        """)]
    [InlineData("""
        {%- set ns = namespace(last=-1, calls=0) -%}
        {%- for m in messages -%}{%- if m.role == 'user' -%}{%- set ns.last = loop.index0 -%}{%- endif -%}{%- endfor -%}
        {%- for m in messages -%}
            {%- for call in m.tool_calls or [] -%}
                {%- set ns.calls = ns.calls + 1 -%}
                {{ ns.calls ~ '. ' ~ call.function.name ~ '(' }}
                {%- for key, value in call.function.arguments | items -%}{{ key }}={{ value | tojson }}{{ ', ' if not loop.last }}{%- endfor -%}
                {{ ')\n' }}
            {%- else -%}
                {{ 'late' if loop.index0 >= ns.last else 'early' }} {{ m.role | upper }} {{ (m.content if m.content is string else 'parts').split('\n')[-1].strip()[:20] }}{{ '\n' }}
            {%- endfor -%}
        {%- endfor -%}
        """)]
    [InlineData("""
        {%- macro describe(name, schema, depth=0) -%}
            {{ '  ' * depth ~ name }}: {{ schema.type if schema.type is string else 'any' }}{% if schema.properties is defined %}
            {%- for key, inner in schema.properties | dictsort %}{{ '\n' ~ describe(key, inner, depth=depth + 1) }}{% endfor %}{% endif %}
        {%- endmacro -%}
        {% for tool in tools or [] -%}
        {{ describe(tool.function.name, tool.function.parameters) }}
        {% endfor %}{{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ messages | map(attribute='role') | join('>') }}
        """)]
    public void TemplateOfOurs_RendersAsInTransformersJs(string source) => Compare(source, "sections");

    private static void Compare(string source, string cases)
    {
        Assert.SkipWhen(Source.Value is null, $"npm cannot fetch {Package}");
        using Engine engine = new();
        engine.Execute($"var module = {{ exports: {{}} }}, exports = module.exports;\n{Source.Value}\nvar jinja = module.exports;");
        engine.SetValue("source", source);
        engine.Execute("""
            var template = new jinja.Template(source);
            function render(json) { try { return template.render(JSON.parse(json)); } catch (e) { return null; } }
            """);
        JinjaTemplate template = JinjaTemplate.Parse(source);
        int compared = 0;
        foreach (string line in File.ReadLines(TestFiles.Golden("templates", cases + ".jsonl")))
        {
            JsonObject variables = JsonNode.Parse(line)!["variables"]!.AsObject();
            string json = variables.ToJsonString();
            if (json.Contains(".0", StringComparison.Ordinal) || json.Contains("e+", StringComparison.OrdinalIgnoreCase))
                continue;   // JavaScript has one kind of number
            Jint.Native.JsValue theirs = engine.Invoke("render", json);
            (string? ours, _) = Rendering.Of(template, variables);
            if (ours is null || theirs.IsNull())
                continue;
            Assert.Equal($"{json}\n{theirs.AsString()}", $"{json}\n{ours}");
            compared++;
        }

        Assert.True(compared >= 8, $"only {compared} cases were rendered by both");
    }

    private static string? Fetch()
    {
        string folder = Path.Combine(TestFiles.Root, "artifacts", "oracle");
        string file = Path.Combine(folder, "node_modules", "@huggingface", "jinja", "dist", "index.cjs");
        if (File.Exists(file))
            return File.ReadAllText(file);
        Directory.CreateDirectory(folder);
        ProcessStartInfo npm = new("npm",
            ["install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--silent", $"{Package}@{Version}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using Process process = Process.Start(npm)!;
            process.OutputDataReceived += static (_, _) => { };
            process.ErrorDataReceived += static (_, _) => { };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            if (!process.WaitForExit(Patience))
                process.Kill(entireProcessTree: true);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;    // there is no npm
        }

        return File.Exists(file) ? File.ReadAllText(file) : null;
    }
}
