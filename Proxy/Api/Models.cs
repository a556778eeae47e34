namespace Agentic.Proxy;

/// <summary>What <c>GET /v1/models</c> answers.</summary>
internal sealed record ModelList(string Object, IReadOnlyList<ModelEntry> Data);

/// <summary>A name that requests may give.</summary>
/// <param name="Root">The model behind it.</param>
/// <param name="MaxModelLen">Most tokens of prompt and answer together.</param>
internal sealed record ModelEntry(string Id, string Object, long Created, string OwnedBy, string Root, int MaxModelLen);

/// <summary><c>GET /v1/models</c> and <c>GET /v1/models/{id}</c>.</summary>
internal sealed class Models(Serving serving)
{
    public ModelList List(HttpContext context)
    {
        serving.Authorize(context);
        return new("list", [.. serving.Options.ModelAliases.Prepend(serving.Model.Name).Distinct().Select(Entry)]);
    }

    public ModelEntry Get(HttpContext context, string id)
    {
        serving.Authorize(context);
        id = Uri.UnescapeDataString(id);   // routing leaves %2F as it is, and names have slashes
        serving.CheckName(id);
        return Entry(id);
    }

    private ModelEntry Entry(string name) => new(
        name, "model", serving.Model.Created.ToUnixTimeSeconds(), "agentic", serving.Model.Name, serving.Model.MaxContextTokens);
}
