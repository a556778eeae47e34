using System.ComponentModel;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>What <c>/v1/chat/completions</c> is asked. Fields not named here are accepted and change nothing.</summary>
internal sealed record ChatCompletionRequest : SamplingRequest
{
    private const int MaxTopLogprobs = 20;

    private static readonly string[] Efforts = ["none", "minimal", "low", "medium", "high", "xhigh"];

    public ChatCompletionRequest(JsonObject body, ServedModel model)
        : base(new Fields(body), model)
    {
        Fields fields = new(body);
        Messages = ChatMessageRules.Read(fields);
        ToolUse = ToolUse.Read(fields);
        ToolChoice = body["tool_choice"];
        MaxCompletionTokens = fields.Integer("max_completion_tokens", 1);
        MaxTokens = fields.Integer("max_tokens", 1);
        Logprobs = fields.Boolean("logprobs") ?? false;
        TopLogprobs = fields.Integer("top_logprobs", 0, MaxTopLogprobs);
        if (TopLogprobs is not null && !Logprobs)
            throw ApiException.Invalid("The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", "top_logprobs");
        ChatTemplateKwargs = fields.Object("chat_template_kwargs")?.Json;
        ReasoningEffort = fields.String("reasoning_effort");
        if (ReasoningEffort is not null && !Efforts.Contains(ReasoningEffort))
            throw ApiException.WrongValue("reasoning_effort", ReasoningEffort, Efforts);
        ResponseFormat = ResponseFormat.Read(fields);
        Prediction = Prediction.Read(fields, ToolUse);
    }

    [Description("The conversation: objects with a role (system, developer, user, assistant, tool) and content, a text or text parts.")]
    public IReadOnlyList<JsonObject> Messages { get; }

    [Description("Functions the model may call.")]
    public JsonArray? Tools => ToolUse.Tools;

    [Description("none (tools are not shown to the model), auto, required, {\"type\": \"function\", \"function\": {\"name\": …}}, or "
        + "{\"type\": \"allowed_tools\", \"allowed_tools\": {\"mode\": …, \"tools\": […]}}, which shows those alone.")]
    public JsonNode? ToolChoice { get; }

    [Description("False ends the answer after its first call.")]
    public bool ParallelToolCalls => ToolUse.MostCalls > 1;

    [Description("{\"type\": \"text\"}, \"json_object\", or \"json_schema\" with json_schema: {name, schema, strict}. Answers keep to it.")]
    public ResponseFormat? ResponseFormat { get; }

    [Description("Most tokens of the answer. Left out, or beyond it: what the context has room for.")]
    public int? MaxCompletionTokens { get; }

    [Description("Older name of max_completion_tokens.")]
    public int? MaxTokens { get; }

    [Description("Report the log-probabilities of the answer's tokens.")]
    public bool Logprobs { get; }

    [Description("Alternatives reported for each token, 0 to 20.")]
    public int? TopLogprobs { get; }

    [Description("What the answer is expected to be: {\"type\": \"content\", \"content\": a text or text parts}. "
        + "The answer is the same, only sooner.")]
    public Prediction? Prediction { get; }

    [Description("How much to think first: none, minimal, low, medium, high or xhigh, for templates that know it.")]
    public string? ReasoningEffort { get; }

    [Description("Extension: further variables of the chat template.")]
    public JsonObject? ChatTemplateKwargs { get; }

    /// <summary>Which functions may, must or must not be called.</summary>
    [JsonIgnore]
    public ToolUse ToolUse { get; }

    /// <summary>How tokens are drawn.</summary>
    public SamplingParameters Sampling(SamplingParameters defaults) => Sampling(defaults, Logprobs ? TopLogprobs ?? 0 : null);

    /// <summary>The template's variables besides the messages.</summary>
    public JsonObject TemplateVariables()
    {
        JsonObject variables = new()
        {
            ["tools"] = ToolUse.Shown?.DeepClone(),
            ["documents"] = null,
            ["add_generation_prompt"] = true,
        };
        if (ReasoningEffort is not null)
        {
            variables["reasoning_effort"] = ReasoningEffort;
            variables["enable_thinking"] = ReasoningEffort != "none";
        }

        foreach ((string name, JsonNode? value) in ChatTemplateKwargs ?? [])
            variables[name] = value?.DeepClone();
        return variables;
    }
}
