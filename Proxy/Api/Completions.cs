using System.Text;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary><c>POST /v1/completions</c>.</summary>
internal sealed class Completions(Serving serving)
{
    private const string ObjectName = "text_completion";
    private readonly ServedModel _model = serving.Model;
    private readonly Logprobs _logprobs = new(serving.Model.Codec);

    public async Task HandleAsync(HttpContext context)
    {
        NamespaceKey space = serving.Authorize(context);
        JsonObject body = await serving.ReadBodyAsync(context);
        CompletionRequest request = new(body, _model, serving.Options.MaxPromptsPerRequest);
        List<Generation> generations = SubmitAll(context, space, request);
        AnswerReading reading = new(generations, () => new ChoiceReader(_model.Codec, request.Stop, calls: null));
        string[] prefixes = [.. generations.SelectMany(generation => Enumerable.Repeat(
            request.Echo ? CompletionRequest.TextOf(generation.Request.PromptIds, _model.Codec) : "", request.Choices))];
        if (request.Stream)
            await StreamAsync(context, request, generations, reading, prefixes);
        else
            await AnswerAsync(context, request, generations, reading, prefixes);
    }

    private List<Generation> SubmitAll(HttpContext context, NamespaceKey space, CompletionRequest request)
    {
        List<Generation> generations = [];
        try
        {
            int[] rooms = [.. request.PromptIds.Select(ids => serving.RoomAfter(ids.Length, "prompt"))];
            SamplingParameters sampling = request.Sampling(_model.Defaults);
            for (int i = 0; i < rooms.Length; i++)
            {
                generations.Add(serving.Submit(new GenerationRequest
                {
                    Id = rooms.Length == 1 ? context.TraceIdentifier : $"{context.TraceIdentifier}-{i}",
                    PromptIds = request.PromptIds[i],
                    Namespace = space,
                    Sampling = sampling,
                    MaxOutputTokens = Math.Min(request.MaxTokens, rooms[i]),
                    StopTokenIds = request.EndTokens(_model),
                    Choices = request.Choices,
                    Speculation = Serving.WantsSpeculation(context, request),
                }, "prompt"));
            }

            return generations;
        }
        catch
        {
            generations.ForEach(generation => generation.Cancel());   // all prompts or none
            throw;
        }
    }

    private async Task AnswerAsync(
        HttpContext context, CompletionRequest request, List<Generation> generations, AnswerReading reading, string[] prefixes)
    {
        StringBuilder[] texts = [.. prefixes.Select(prefix => new StringBuilder(prefix))];
        List<ScoredToken>[] tokens = [.. prefixes.Select(_ => new List<ScoredToken>())];
        await reading.RunAsync(
            (index, events, scores) =>
            {
                texts[index].Append(TextOf(events));
                tokens[index].AddRange(scores);
            },
            () => ValueTask.CompletedTask,
            context.RequestAborted);
        CompletionChoice[] choices = new CompletionChoice[texts.Length];
        for (int i = 0; i < choices.Length; i++)
        {
            int offset = 0;
            CompletionLogprobs? logprobs = request.Logprobs is null ? null : _logprobs.Completion(tokens[i], ref offset);
            choices[i] = new(texts[i].ToString(), i, logprobs, FinishOf(reading.Choices[i]));
        }

        Serving.ReportSpeculation(context, generations);
        await context.Response.WriteAsJsonAsync(
            new CompletionWithUsage(Wire.NewId("cmpl-"), ObjectName, serving.UnixTime, _model.Name, choices, serving.Fingerprint,
                Usage.Of(generations, reading.Choices.Sum(choice => choice.Tokens))),
            WireJson.Wire.CompletionWithUsage, "application/json", context.RequestAborted);
    }

    private async Task StreamAsync(
        HttpContext context, CompletionRequest request, List<Generation> generations, AnswerReading reading, string[] prefixes)
    {
        using EventStream stream = new(context.Response);
        string id = Wire.NewId("cmpl-");
        long created = serving.UnixTime;
        int[] offsets = new int[prefixes.Length];
        List<ScoredToken>[] unsent = [.. prefixes.Select(_ => new List<ScoredToken>())];
        await serving.StreamAsync(context, stream, async () =>
        {
            await reading.RunAsync(
                (index, events, scores) =>
                {
                    string text = prefixes[index] + TextOf(events);
                    prefixes[index] = "";
                    unsent[index].AddRange(scores);
                    ChoiceReader choice = reading.Choices[index];
                    if (text.Length > 0 || (choice.Finish is not null && unsent[index].Count > 0))
                        WriteChoice(new(text, index, TakeLogprobs(index), null));
                    if (choice.Finish is not null)
                        WriteChoice(new("", index, null, FinishOf(choice)));
                },
                () => stream.FlushAsync(context.RequestAborted),
                context.RequestAborted);
            if (request.IncludeUsage)
                Write([], Usage.Of(generations, reading.Choices.Sum(choice => choice.Tokens)));
            stream.WriteDone();
        });

        CompletionLogprobs? TakeLogprobs(int index)
        {
            if (request.Logprobs is null)
                return null;
            CompletionLogprobs taken = _logprobs.Completion(unsent[index], ref offsets[index]);
            unsent[index].Clear();
            return taken;
        }

        void WriteChoice(CompletionChoice choice) => Write([choice], null);

        void Write(CompletionChoice[] choices, Usage? usage)
        {
            if (request.IncludeUsage)
                stream.Write(new CompletionWithUsage(id, ObjectName, created, _model.Name, choices, serving.Fingerprint, usage),
                    WireJson.Wire.CompletionWithUsage);
            else
                stream.Write(new Completion(id, ObjectName, created, _model.Name, choices, serving.Fingerprint), WireJson.Wire.Completion);
        }
    }

    private static string TextOf(OutputEvents events) => string.Concat(events.Select(next => next.Text));

    private static string FinishOf(ChoiceReader choice) => choice.Finish == FinishReason.Length ? "length" : "stop";
}
