using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary><c>agentic tokenize</c>: what the model sees of a text or a conversation. Needs the tokenizer's files only.</summary>
internal static class TokenizeCommand
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly Option<string>
        Model = CommandRunner.Option<string>("--model", "DIR", "A directory with a tokenizer, and for conversations a chat template.",
            required: true),
        In = CommandRunner.Option<string>("--in", "FILE",
            "JSON lines: {\"text\": …}, or {\"messages\": […], \"tools\": […], other variables of the template}.", required: true),
        Out = CommandRunner.Option<string>(
            "--out", "FILE", "A JSON line for each: {\"ids\", \"decoded\"}, or {\"rendered\", \"ids\"}, or {\"error\"} where it failed.",
                required: true);

    public static Command Create()
    {
        var command = new Command("tokenize", "Turns texts and conversations into token ids.") { Model, In, Out };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        string directory = parsed.GetRequiredValue(Model), input = parsed.GetRequiredValue(In);
        if (!Directory.Exists(directory))
            throw new CommandException($"model: '{directory}' is not a directory; name one with a tokenizer.json or tokenizer.model");
        Tokenizer tokenizer = Tokenizer.Load(directory);
        Lazy<ChatTemplate> template = new(() => ChatTemplate.Load(directory));
        long bytes = new FileInfo(input).Length;
        using StreamReader lines = File.OpenText(input);
        using StreamWriter output = new(CommandRunner.Create("out", parsed.GetRequiredValue(Out)));
        Progress.Run("tokenize", bytes, report =>
        {
            while (lines.ReadLine() is string line)
            {
                output.WriteLine(Answer(tokenizer, template, line).ToJsonString(Readable));
                report(line.Length + 1);
            }
        });
        return 0;
    }

    /// <summary>What is said of one line; a line that fails says so and ends nothing.</summary>
    internal static JsonObject Answer(Tokenizer tokenizer, Lazy<ChatTemplate> template, string line)
    {
        try
        {
            JsonObject request = JsonNode.Parse(line) as JsonObject ?? throw new JsonException("the line is not a JSON object");
            if (request.ContainsKey("messages"))
            {
                if (request["messages"] is not JsonArray)
                    throw new JsonException($"\"messages\" is {Fields.NameOf(request["messages"])}, and not an array");
                string rendered = template.Value.Render(request);
                return new JsonObject { ["rendered"] = rendered, ["ids"] = Ids(tokenizer.Encode(rendered, addSpecialTokens: false)) };
            }

            string text = request["text"] switch
            {
                null => throw new JsonException("the object has neither \"text\" nor \"messages\""),
                { } value when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>(),
                { } other => throw new JsonException($"\"text\" is {Fields.NameOf(other)}, and not a string"),
            };
            // Decoded is the text as it comes back: its own special tokens kept, and nothing added around it.
            string decoded = tokenizer.Decode(tokenizer.Encode(text, addSpecialTokens: false), skipSpecialTokens: false);
            return new JsonObject { ["ids"] = Ids(tokenizer.Encode(text, addSpecialTokens: true)), ["decoded"] = decoded };
        }
        catch (Exception e) when (
            e is JsonException or JinjaException or ChatTemplateException or InvalidOperationException or FormatException)
        {
            // The last two are JSON of another kind than asked for, and text with half a surrogate pair.
            return new JsonObject { ["error"] = e.Message };
        }
    }

    private static JsonArray Ids(int[] ids) => [.. ids.Select(id => (JsonNode)id)];
}
