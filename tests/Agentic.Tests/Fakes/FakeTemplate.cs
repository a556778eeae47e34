using System.Text;
using System.Text.Json.Nodes;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>A chat template in plain code: a role's mark, the content, the calls as Hermes writes them, the end mark.</summary>
/// <param name="stringArguments">Whether it prints a string of arguments as it stands.</param>
/// <param name="thinks">Whether its model thinks: thoughts of earlier turns are left out, and <c>enable_thinking</c> opens one, or none.</param>
internal sealed class FakeTemplate(bool stringArguments = true, bool thinks = false) : IChatTemplate
{
    public string Render(JsonObject variables)
    {
        StringBuilder text = new();
        if (variables["tools"] is JsonArray tools)
            text.Append("<|system|>").Append(tools.ToJsonString()).Append("<|end|>");
        foreach (JsonNode? message in variables["messages"]!.AsArray())
        {
            string role = message!["role"]!.GetValue<string>();
            if (role is not ("system" or "user" or "assistant" or "tool"))
                throw new JinjaException("TemplateError", $"Unknown role {role}");
            string content = message["content"] is JsonValue value ? value.GetValue<string>()
                : message["content"] is null ? "" : throw new JinjaException("TemplateError", "Only text");
            if (content == "refuse me")
                throw new JinjaException("TemplateError", "No.");
            if (thinks && role == "assistant")
                content = content[(content.LastIndexOf("</think>", StringComparison.Ordinal) is var end and >= 0 ? end + "</think>".Length : 0)..].TrimStart();
            text.Append($"<|{role}|>").Append(content);
            foreach (JsonNode? call in message["tool_calls"] as JsonArray ?? [])
            {
                JsonNode arguments = call!["function"]!["arguments"]!;
                string written = stringArguments && arguments is JsonValue literal ? literal.GetValue<string>() : arguments.ToJsonString();
                text.Append(text[^1] == '>' ? "" : "\n").Append($"<tool_call>\n{{\"name\": {call["function"]!["name"]!.ToJsonString()}, \"arguments\": {written}}}\n</tool_call>");
            }

            text.Append("<|end|>");
        }

        if (variables["add_generation_prompt"]!.GetValue<bool>())
            text.Append("<|assistant|>").Append(!thinks ? "" : (bool?)variables["enable_thinking"] switch
            {
                true => "<think>\n",
                false => "<think>\n\n</think>\n\n",
                null => "",
            });
        return text.ToString();
    }
}
