using System.Text.Json;
using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>
/// Fields of OpenAI's API and of other servers that ask for something this server does not do. To pass over them would be to answer
/// something else than was asked; all other unknown fields change nothing, and are accepted.
/// </summary>
internal static class RefusedFields
{
    private static readonly Dictionary<string, string> Reasons = new()
    {
        ["web_search_options"] = "the server has no web search",
        ["modalities"] = "the model writes text alone",
        ["guided_json"] = "use 'response_format' with 'json_schema'",
        ["guided_regex"] = "use 'response_format' with a 'json_schema' that has a 'pattern'",
        ["guided_choice"] = "use 'response_format' with a 'json_schema' that has an 'enum'",
        ["guided_grammar"] = "use 'response_format' with 'json_schema'",
        ["structured_outputs"] = "use 'response_format' with 'json_schema'",
        ["structural_tag"] = "use 'tools' with 'strict'",
        ["grammar"] = "use 'response_format' with 'json_schema'",
        ["regex"] = "use 'response_format' with a 'json_schema' that has a 'pattern'",
        ["chat_template"] = "the model's own is used; 'chat_template_kwargs' gives it variables",
        ["continue_final_message"] = "an answer begins a message of its own",
        ["min_tokens"] = "use 'ignore_eos' with 'max_tokens'",
        ["bad_words"] = "use 'logit_bias'",
        ["allowed_token_ids"] = "use 'logit_bias'",
        ["prompt_logprobs"] = "use /v1/completions with 'echo' and 'logprobs'",
        ["use_beam_search"] = "use 'best_of' with /v1/completions",
        ["truncate_prompt_tokens"] = "shorten the prompt",
        ["logits_processors"] = "use 'logit_bias'",
    };

    /// <exception cref="ApiException">400: one of them is asked for.</exception>
    public static void Check(Fields request)
    {
        foreach ((string name, JsonNode? value) in request.Json)
        {
            if (Reasons.TryGetValue(name, out string? instead) && Asks(value))
                throw ApiException.Invalid($"Unsupported parameter: '{name}' is not supported; {instead}.", name, "unsupported_parameter");
        }
    }

    /// <summary>Null, false, 0, nothing in a list, and the one modality there is ask for nothing.</summary>
    private static bool Asks(JsonNode? value) => value switch
    {
        null => false,
        JsonArray items => items.Any(item => item?.GetValueKind() != JsonValueKind.String || item.GetValue<string>() != "text"),
        _ => value.GetValueKind() switch
        {
            JsonValueKind.False => false,
            JsonValueKind.Number => value.AsValue().TryGetValue(out double number) && number != 0,
            _ => true,
        },
    };
}
