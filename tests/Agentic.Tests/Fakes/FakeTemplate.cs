using System.Text;
using System.Text.Json.Nodes;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>A chat template in plain code: a role's mark, the content, the calls as Hermes writes them, the end mark.</summary>
internal sealed class FakeTemplate(bool stringArguments = true) : IChatTemplate
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
            text.Append($"<|{role}|>").Append(content);
            foreach (JsonNode? call in message["tool_calls"] as JsonArray ?? [])
            {
                JsonNode arguments = call!["function"]!["arguments"]!;
                string written = stringArguments && arguments is JsonValue literal ? literal.GetValue<string>() : arguments.ToJsonString();
                text.Append(text[^1] == '>' ? "" : "\n").Append($"<tool_call>\n{{\"name\": {call["function"]!["name"]!.ToJsonString()}, \"arguments\": {written}}}\n</tool_call>");
            }

            text.Append("<|end|>");
        }

        return text.Append(variables["add_generation_prompt"]!.GetValue<bool>() ? "<|assistant|>" : "").ToString();
    }
}
