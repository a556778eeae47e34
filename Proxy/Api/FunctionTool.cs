using System.Text.Json.Nodes;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>A function the model may call.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Parameters">A schema of its arguments, or null if it takes none.</param>
/// <param name="Strict">Whether a call's arguments must satisfy the schema wherever one is written.</param>
/// <param name="Path">Where in the request it stands.</param>
internal sealed record FunctionTool(string Name, JsonObject? Parameters, bool Strict, string Path)
{
    /// <summary>The texts of its arguments.</summary>
    /// <exception cref="ApiException">400: it is strict, and its schema cannot be kept.</exception>
    public Language Compile(JsonGrammar json)
    {
        if (Parameters is null)
            return json.Literal(new JsonObject());
        try
        {
            return SchemaCompiler.Compile(json, Parameters, lenient: !Strict);
        }
        catch (SchemaException exception) when (Strict)
        {
            string path = $"{Path}.parameters", where = exception.Path.Length == 0 ? path : $"{path}.{exception.Path}";
            throw ApiException.Invalid($"Invalid schema for function '{Name}': at '{where}': {exception.Message}.", path,
                "invalid_function_parameters");
        }
        catch (SchemaException)   // nobody asked for it to be kept
        {
            return json.AnyObject;
        }
    }
}
