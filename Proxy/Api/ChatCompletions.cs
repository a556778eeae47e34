using System.Text.Json.Nodes;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary><c>POST /v1/chat/completions</c>.</summary>
internal sealed class ChatCompletions(Serving serving, ILogger<ChatCompletions> logger)
{
    private readonly ServedModel _model = serving.Model;
    private readonly Logprobs _logprobs = new(serving.Model.Codec);
    private readonly OutputConstraints _constraints = new(serving.Model);
    private readonly PromptEncoder? _encoder = serving.Model.Template is { } template
        ? new PromptEncoder(serving.Model.Codec, template, serving.Options.RememberedAnswerTokens,
            new PromptLimit(serving.Model.Codec, serving.Model.MaxContextTokens))
        : null;

    public async Task HandleAsync(HttpContext context)
    {
        NamespaceKey space = serving.Authorize(context);
        JsonObject body = await serving.ReadBodyAsync(context);
        ChatCompletionRequest request = new(body, _model);
        EncodedPrompt prompt = Encode(context, space, request);
        TemplateTraits traits = _encoder!.Traits;
        ITokenConstraint? constraint = _constraints.For(request, traits.Calls, traits.Thinks ? prompt.OpensThought : null);
        int room = serving.RoomAfter(prompt.Ids.Length, "messages");
        ToolUse tools = request.ToolUse;
        bool speculates = Serving.WantsSpeculation(context, request);
        Generation generation = serving.Submit(new GenerationRequest
        {
            Id = context.TraceIdentifier,
            PromptIds = prompt.Ids,
            PromptRuns = prompt.Runs,
            Namespace = space,
            Sampling = request.Sampling(_model.Defaults),
            MaxOutputTokens = Math.Min(request.MaxCompletionTokens ?? request.MaxTokens ?? room, room),
            StopTokenIds = request.EndTokens(_model),
            Choices = request.Choices,
            Speculation = speculates,
            PredictionIds = request.Prediction is { } prediction ? _encoder.EncodeAnswer(prediction.Text) : null,
            CallSkeletons = speculates && tools.Shown is { } shown ? _encoder.CallSkeletons(space, shown) : [],
            Constraint = constraint,
        }, "messages");

        AnswerReading reading = new([generation], () => new ChoiceReader(
            _model.Codec, request.Stop, tools.MayCall ? new ToolCallParser(traits.Calls, traits.Calls.NewCallId, tools.Functions) : null,
            tools.MostCalls, traits.Thinks ? new ReasoningParser(prompt.OpensThought) : null));
        ChatAnswer[] answers = [.. reading.Choices.Select(_ => new ChatAnswer())];
        if (request.Stream)
            await StreamAsync(context, request, generation, reading, answers);
        else
            await AnswerAsync(context, request, generation, reading, answers);

        for (int i = 0; i < answers.Length; i++)
        {
            // A stop string is in the ids and not in the message, so that they do not belong together.
            ChoiceReader choice = reading.Choices[i];
            if (choice.Finish is FinishReason.Stop or FinishReason.Length && !choice.StoppedByText)
                _encoder.Remember(space, request.Messages, answers[i].ToHistory(), choice.Text, [.. choice.Ids]);
        }
    }

    /// <summary>Forgets the answers given and the tools seen in these namespaces.</summary>
    public void Forget(Predicate<NamespaceKey> whose) => _encoder?.Forget(whose);

    private EncodedPrompt Encode(HttpContext context, NamespaceKey space, ChatCompletionRequest request)
    {
        if (_encoder is null)
            throw ApiException.Invalid($"The model '{_model.Name}' has no chat template. Use /v1/completions.", "model");
        try
        {
            EncodedPrompt prompt = _encoder.Encode(space, request.Messages, request.TemplateVariables());
            Log.PromptEncoded(logger, context.TraceIdentifier, prompt.Ids.Length, prompt.Spliced);
            return prompt;
        }
        catch (JinjaException exception)
        {
            throw ApiException.Invalid($"The model's chat template does not take these messages: {exception.Message}", "messages",
                "invalid_value");
        }
    }

    private async Task AnswerAsync(
        HttpContext context, ChatCompletionRequest request, Generation generation, AnswerReading reading, ChatAnswer[] answers)
    {
        await reading.RunAsync(
            (index, events, scores) =>
            {
                answers[index].Add(events);
                answers[index].Scores.AddRange(scores);
            },
            () => ValueTask.CompletedTask,
            context.RequestAborted);
        ChatChoice[] choices = [.. answers.Select((answer, i) => new ChatChoice(
            i, answer.ToMessage(request.ToolUse.IsLegacy), request.Logprobs ? _logprobs.Chat(answer.Scores) : null,
            FinishOf(reading.Choices[i], request.ToolUse)))];
        Serving.ReportSpeculation(context, [generation]);
        await context.Response.WriteAsJsonAsync(
            new ChatCompletion(Wire.NewId("chatcmpl-"), "chat.completion", serving.UnixTime, _model.Name, choices,
                UsageOf(generation, reading), Wire.ServiceTier, serving.Fingerprint),
            WireJson.Wire.ChatCompletion, "application/json", context.RequestAborted);
    }

    private async Task StreamAsync(
        HttpContext context, ChatCompletionRequest request, Generation generation, AnswerReading reading, ChatAnswer[] answers)
    {
        using EventStream stream = new(context.Response);
        ChatChunks chunks = new(stream, Wire.NewId("chatcmpl-"), serving.UnixTime, _model.Name, serving.Fingerprint, request.IncludeUsage,
            request.Logprobs ? _logprobs : null, request.ToolUse.IsLegacy);
        await serving.StreamAsync(context, stream, async () =>
        {
            await reading.RunAsync(
                (index, events, scores) =>
                {
                    answers[index].Add(events);
                    ChoiceReader choice = reading.Choices[index];
                    chunks.Write(index, choice, events, scores, choice.Finish is null ? null : FinishOf(choice, request.ToolUse));
                },
                () => stream.FlushAsync(context.RequestAborted),
                context.RequestAborted,
                (serving.Options.KeepAlive, () => stream.KeepAliveAsync(context.RequestAborted)));
            chunks.WriteEnd(UsageOf(generation, reading));
        });
    }

    private static Usage UsageOf(Generation generation, AnswerReading reading) => Usage.Of(
        generation.Request.PromptIds.Length, [generation], reading.Choices,
        generation.Request.PredictionIds is { } predicted ? Prediction.Compare(predicted, reading.Choices[0].Ids) : null);

    private static string FinishOf(ChoiceReader choice, ToolUse tools) =>
        choice.Finish == FinishReason.Length ? "length" : choice.Calls > 0 ? tools.FinishReason : "stop";
}
