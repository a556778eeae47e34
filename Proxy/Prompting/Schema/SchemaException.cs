namespace Agentic.Proxy;

/// <summary>A schema that cannot be kept, and what to do about it.</summary>
/// <param name="path">Where, from the schema's root; empty is the root itself.</param>
/// <param name="why">What is wrong, and the remedy.</param>
internal sealed class SchemaException(string path, string why) : Exception(why)
{
    /// <summary>Where, such as <c>properties.name.pattern</c>.</summary>
    public string Path { get; } = path;
}
