using System.Text.Json.Nodes;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>Rendering with errors as values.</summary>
internal static class Rendering
{
    public static (string? Text, JinjaException? Error) Of(JinjaTemplate template, JsonObject variables)
    {
        try
        {
            return (template.Render(variables), null);
        }
        catch (JinjaException error)
        {
            return (null, error);
        }
    }

    /// <summary>The text, or kind and reason of the error.</summary>
    public static string Describe(string source, JsonObject variables)
    {
        try
        {
            return JinjaTemplate.Parse(source).Render(variables);
        }
        catch (JinjaException error)
        {
            return $"{error.Kind}: {error.Reason}";
        }
    }
}
