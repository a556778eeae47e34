using System.Text.Json.Nodes;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>What the reference's Jinja2 3.1 renders, in the environment of Hugging Face's chat templates.</summary>
public sealed class GoldenTemplateTests
{
    public static TheoryData<string> Templates() =>
        [.. Directory.GetFiles(TestFiles.Golden("templates"), "*.jinja").Select(file =>
            Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Templates))]
    public void Template_RendersAsTheReferenceDoes(string name)
    {
        JinjaTemplate template = JinjaTemplate.Parse(File.ReadAllText(TestFiles.Golden("templates", name + ".jinja")));
        int line = 0;
        foreach (string text in File.ReadLines(TestFiles.Golden("templates", name + ".jsonl")))
        {
            JsonObject golden = JsonNode.Parse(text)!.AsObject();
            (string? rendered, JinjaException? error) = Rendering.Of(template, golden["variables"]!.AsObject());
            string where = $"{name}.jsonl, line {++line}";
            if (golden["error"] is { } expected)
                Assert.Equal($"{where}: {expected}", $"{where}: {error?.Kind}: {error?.Reason}");
            else
                Assert.Equal($"{where}: {golden["rendered"]}", $"{where}: {rendered ?? error!.Message}");
        }

        Assert.True(line > 0);
    }
}
