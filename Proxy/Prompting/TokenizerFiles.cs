using System.Text.Json;
using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>What templates need of a checkpoint's tokenizer files.</summary>
internal static class TokenizerFiles
{
    private static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    private static readonly string[] Names = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    /// <summary>The object a file holds, null where there is no file.</summary>
    /// <exception cref="ChatTemplateException">The file is not JSON.</exception>
    public static JsonObject? ReadObject(string file)
    {
        if (!File.Exists(file))
            return null;
        try
        {
            return JsonNode.Parse(File.ReadAllText(file), documentOptions: Lenient) as JsonObject;
        }
        catch (JsonException error)
        {
            throw new ChatTemplateException($"{file} is not JSON ({error.Message}). Download the file again.", error);
        }
    }

    /// <summary>The special tokens' texts by name; one that is not set is not there, so that a template sees it undefined.</summary>
    public static JsonObject SpecialTokens(string directory, JsonObject config)
    {
        JsonObject tokens = [];
        JsonObject map = ReadObject(Path.Combine(directory, "special_tokens_map.json")) ?? [];
        foreach (string name in Names)
            Add(tokens, name, config.ContainsKey(name) ? config[name] : map[name]);

        // Models of several kinds of input name further ones, such as image_token.
        foreach (string group in (string[])["extra_special_tokens", "model_specific_special_tokens"])
        {
            foreach ((string name, JsonNode? token) in config[group] as JsonObject ?? [])
                Add(tokens, name, token);
        }

        return tokens;
    }

    private static void Add(JsonObject tokens, string name, JsonNode? token)
    {
        JsonNode? text = token is JsonObject added ? added["content"] : token;
        if (text?.GetValueKind() == JsonValueKind.String)
            tokens[name] = text.GetValue<string>();
    }
}
