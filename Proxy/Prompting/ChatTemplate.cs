using System.Text.Json;
using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>
/// The templates of a model: how it wants a conversation written. Found where Hugging Face keeps them, and given the model's
/// special tokens (<c>bos_token</c>, <c>eos_token</c>, …) as variables.
/// </summary>
internal sealed class ChatTemplate : IChatTemplate
{
    private const string Default = "default";
    private const string ToolUse = "tool_use";

    private readonly Dictionary<string, JinjaTemplate> _templates;
    private readonly JsonObject _specialTokens;

    private ChatTemplate(Dictionary<string, JinjaTemplate> templates, JsonObject specialTokens)
    {
        _templates = templates;
        _specialTokens = specialTokens;
    }

    /// <summary>The names a request may ask for; most models have <c>default</c> only.</summary>
    public IReadOnlyCollection<string> Names => _templates.Keys;

    /// <summary>
    /// Reads <c>chat_template.jinja</c> with any <c>additional_chat_templates/*.jinja</c>, else the older <c>chat_template.json</c>, else
    /// <c>chat_template</c> of <c>tokenizer_config.json</c>.
    /// </summary>
    /// <param name="modelDirectory">A Hugging Face checkpoint's.</param>
    /// <param name="time">What <c>strftime_now</c> tells; the system's clock if null.</param>
    /// <exception cref="ChatTemplateException">There is none, or it cannot be read; says which file and what to do.</exception>
    public static ChatTemplate Load(string modelDirectory, TimeProvider? time = null) =>
        Find(modelDirectory, time) ?? throw new ChatTemplateException(
            $"{modelDirectory} has no chat template (chat_template.jinja, or \"chat_template\" in tokenizer_config.json). "
            + "Base models come without one: serve an instruction-tuned model, put a chat_template.jinja into the directory, "
                + "or use /v1/completions.");

    /// <summary>As <see cref="Load"/>, but null where there is none.</summary>
    /// <exception cref="ChatTemplateException">It cannot be read; says which file and what to do.</exception>
    public static ChatTemplate? Find(string modelDirectory, TimeProvider? time = null)
    {
        JsonObject config = TokenizerFiles.ReadObject(Path.Combine(modelDirectory, "tokenizer_config.json")) ?? [];
        Dictionary<string, JinjaTemplate> templates = [];
        foreach ((string name, string source, string file) in Sources(modelDirectory, config))
        {
            try
            {
                templates[name] = JinjaTemplate.Parse(source, time);
            }
            catch (JinjaException error)
            {
                throw new ChatTemplateException(
                    $"The chat template in {file} cannot be read: {error.Message}. Correct the file, or take the model's current one.",
                    error);
            }
        }

        return templates.Count == 0 ? null : new ChatTemplate(templates, TokenizerFiles.SpecialTokens(modelDirectory, config));
    }

    /// <summary>A template given as text.</summary>
    /// <param name="source">In Jinja2.</param>
    /// <param name="specialTokens">Variables the template has unless a rendering gives its own.</param>
    /// <param name="time">What <c>strftime_now</c> tells; the system's clock if null.</param>
    /// <exception cref="JinjaException">It is not a template.</exception>
    public static ChatTemplate Parse(string source, JsonObject? specialTokens = null, TimeProvider? time = null) =>
        new(new Dictionary<string, JinjaTemplate> { [Default] = JinjaTemplate.Parse(source, time) }, specialTokens ?? []);

    /// <summary>
    /// Writes a conversation as the model reads it. The template sees exactly these variables and the special tokens: Hugging Face
    /// itself always gives <c>tools</c> and <c>documents</c>, null where there are none, and <c>add_generation_prompt</c>.
    /// </summary>
    /// <param name="variables"><c>messages</c> and whatever else the template knows; these win over special tokens.</param>
    /// <param name="name">One of several templates; null for the default, or for the one for tools where there are both.</param>
    /// <exception cref="JinjaException">The template refused the conversation or failed; the message is for who wrote either.</exception>
    /// <exception cref="ChatTemplateException">The model has no template of this name.</exception>
    public string Render(JsonObject variables, string? name = null)
    {
        PyDict values = (PyDict)PyJson.From(_specialTokens)!;
        foreach ((object? key, object? value) in ((PyDict)PyJson.From(variables)!).Entries)
            values.Set(key, value);
        return Choose(name, values.TryGet("tools", out object? tools) && tools is not null).Render(values);
    }

    string IChatTemplate.Render(JsonObject variables) => Render(variables);

    private JinjaTemplate Choose(string? name, bool hasTools)
    {
        name ??= hasTools && _templates.ContainsKey(ToolUse) ? ToolUse : Default;
        if (_templates.TryGetValue(name, out JinjaTemplate? template))
            return template;
        return _templates.Count == 1 && name == Default
            ? _templates.Values.First()
            : throw new ChatTemplateException($"The model has no chat template \"{name}\"; it has {string.Join(", ", _templates.Keys)}.");
    }

    private static IEnumerable<(string Name, string Source, string File)> Sources(string directory, JsonObject config)
    {
        string plain = Path.Combine(directory, "chat_template.jinja"), additional = Path.Combine(directory, "additional_chat_templates");
        string legacy = Path.Combine(directory, "chat_template.json");
        bool hasFiles = File.Exists(plain);
        if (hasFiles)
            yield return (Default, File.ReadAllText(plain), plain);
        if (Directory.Exists(additional))
        {
            foreach (string file in Directory.GetFiles(additional, "*.jinja").Order(StringComparer.Ordinal))
            {
                hasFiles = true;
                yield return (Path.GetFileNameWithoutExtension(file), File.ReadAllText(file), file);
            }
        }

        if (hasFiles)
            yield break;
        string from = Path.Combine(directory, "tokenizer_config.json");
        JsonNode? found = config["chat_template"];
        if (TokenizerFiles.ReadObject(legacy) is { } old)
            (found, from) = (old["chat_template"], legacy);
        foreach ((string name, string source) in Listed(found))
            yield return (name, source, from);
    }

    /// <summary>One template as a string, or several as a list of name and template, or as an object.</summary>
    private static IEnumerable<(string Name, string Source)> Listed(JsonNode? found) => found switch
    {
        JsonValue value when value.GetValueKind() == JsonValueKind.String => [(Default, value.GetValue<string>())],
        JsonArray list => list.OfType<JsonObject>().Select(item => ((string)item["name"]!, (string)item["template"]!)),
        JsonObject byName => byName.Select(item => (item.Key, (string)item.Value!)),
        _ => [],
    };
}

/// <summary>A model's chat template is missing or unreadable: for the operator, with the remedy.</summary>
internal sealed class ChatTemplateException(string message, Exception? inner = null) : Exception(message, inner);
