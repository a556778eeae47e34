using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>Lays out a conversation as the text a model was trained on.</summary>
internal interface IChatTemplate
{
    /// <param name="variables">messages, tools, add_generation_prompt and whatever else the template reads.</param>
    /// <exception cref="JinjaException">The template refuses the conversation, or fails.</exception>
    string Render(JsonObject variables);
}
