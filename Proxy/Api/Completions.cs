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

    /// <summary>What a choice begins with: its prompt, if it is to be given back.</summary>
    private sealed record Beginning(string Text, IReadOnlyList<ScoredToken> Scores);

    public async Task HandleAsync(HttpContext context)
    {
        NamespaceKey space = serving.Authorize(context);
        JsonObject body = await serving.ReadBodyAsync(context);
        CompletionRequest request = new(body, _model, serving.Options.MaxPromptsPerRequest);
        GenerationRequest[] wanted = Wanted(context, space, request);
        IReadOnlyList<ScoredToken>[] scores = request is { Echo: true, Logprobs: not null }
            ? await ScoreAsync(wanted, context.RequestAborted)
            : [.. wanted.Select(_ => Array.Empty<ScoredToken>())];
        Beginning[] beginnings = [.. wanted.SelectMany((one, i) => Enumerable.Repeat(new Beginning(
            request.Echo ? CompletionRequest.TextOf(one.PromptIds, _model.Codec) : "", scores[i]), request.DrawnChoices))];
        List<Generation> generations = request.MaxTokens > 0 ? SubmitAll(wanted) : [];
        AnswerReading reading = new(generations, () => new ChoiceReader(_model.Codec, request.Stop));
        if (request.Stream)
            await StreamAsync(context, request, generations, reading, beginnings);
        else
            await AnswerAsync(context, request, generations, reading, beginnings);
    }

    private GenerationRequest[] Wanted(HttpContext context, NamespaceKey space, CompletionRequest request)
    {
        SamplingParameters sampling = request.Sampling(_model.Defaults);
        return [.. request.PromptIds.Select((ids, i) => new GenerationRequest
        {
            Id = request.PromptIds.Count == 1 ? context.TraceIdentifier : $"{context.TraceIdentifier}-{i}",
            PromptIds = ids,
            Namespace = space,
            Sampling = sampling,
            MaxOutputTokens = Math.Min(request.MaxTokens, serving.RoomAfter(ids.Length, "prompt", least: Math.Min(1, request.MaxTokens))),
            StopTokenIds = request.EndTokens(_model),
            Choices = request.DrawnChoices,
            Speculation = Serving.WantsSpeculation(context, request),
        })];
    }

    private List<Generation> SubmitAll(IEnumerable<GenerationRequest> requests)
    {
        List<Generation> generations = [];
        try
        {
            foreach (GenerationRequest request in requests)
                generations.Add(serving.Submit(request, "prompt"));
            return generations;
        }
        catch
        {
            generations.ForEach(generation => generation.Cancel());   // all prompts or none
            throw;
        }
    }

    private async Task<IReadOnlyList<ScoredToken>[]> ScoreAsync(GenerationRequest[] wanted, CancellationToken clientLeft)
    {
        GenerationRequest?[] requests = Array.ConvertAll(wanted, PromptScores.RequestFor);
        Queue<Generation> generations = new(SubmitAll(requests.OfType<GenerationRequest>()));
        return await Task.WhenAll(wanted.Select((one, i) =>
            PromptScores.ReadAsync(one.PromptIds[0], requests[i] is null ? null : generations.Dequeue(), clientLeft)));
    }

    private async Task AnswerAsync(
        HttpContext context, CompletionRequest request, List<Generation> generations, AnswerReading reading, Beginning[] beginnings)
    {
        StringBuilder[] texts = [.. beginnings.Select(beginning => new StringBuilder(beginning.Text))];
        List<ScoredToken>[] written = [.. beginnings.Select(_ => new List<ScoredToken>())];
        await reading.RunAsync(
            (index, events, scores) =>
            {
                texts[index].Append(TextOf(events));
                written[index].AddRange(scores);
            },
            () => ValueTask.CompletedTask,
            context.RequestAborted);
        CompletionChoice[] choices = [.. Best(written, request).Select((drawn, index) =>
        {
            int offset = 0;
            CompletionLogprobs? logprobs = request.Logprobs is null ? null
                : _logprobs.Completion([.. beginnings[drawn].Scores, .. written[drawn]], ref offset);
            return new CompletionChoice(texts[drawn].ToString(), index, logprobs, FinishOf(reading.Choices.ElementAtOrDefault(drawn)));
        })];

        Serving.ReportSpeculation(context, generations);
        await context.Response.WriteAsJsonAsync(
            new CompletionWithUsage(Wire.NewId("cmpl-"), ObjectName, serving.UnixTime, _model.Name, choices, serving.Fingerprint,
                UsageOf(request, generations, reading)),
            WireJson.Wire.CompletionWithUsage, "application/json", context.RequestAborted);
    }

    /// <summary>Of each prompt's choices as many as are wanted, the likeliest a token first.</summary>
    private static IEnumerable<int> Best(List<ScoredToken>[] written, CompletionRequest request)
    {
        if (request.DrawnChoices == request.Choices)
            return Enumerable.Range(0, written.Length);
        return Enumerable.Range(0, written.Length).Chunk(request.DrawnChoices).SelectMany(ofPrompt => ofPrompt
            .OrderByDescending(drawn => written[drawn].Select(token => token.Logprobs!.Logprob).DefaultIfEmpty(0).Average())
            .Take(request.Choices));
    }

    private async Task StreamAsync(
        HttpContext context, CompletionRequest request, List<Generation> generations, AnswerReading reading, Beginning[] beginnings)
    {
        using EventStream stream = new(context.Response);
        string id = Wire.NewId("cmpl-");
        long created = serving.UnixTime;
        int[] offsets = new int[beginnings.Length];
        string[] prefixes = [.. beginnings.Select(beginning => beginning.Text)];
        List<ScoredToken>[] unsent = [.. beginnings.Select(beginning => beginning.Scores.ToList())];
        await serving.StreamAsync(context, stream, async () =>
        {
            await reading.RunAsync(
                (index, events, scores) =>
                {
                    unsent[index].AddRange(scores);
                    WriteNext(index, TextOf(events), reading.Choices[index].Finish is not null);
                },
                () => stream.FlushAsync(context.RequestAborted),
                context.RequestAborted,
                (serving.Options.KeepAlive, () => stream.KeepAliveAsync(context.RequestAborted)));
            for (int index = reading.Choices.Length; index < beginnings.Length; index++)
                WriteNext(index, "", ended: true);   // nothing was to be written
            if (request.IncludeUsage)
                Write([], UsageOf(request, generations, reading));
            stream.WriteDone();
        });

        void WriteNext(int index, string next, bool ended)
        {
            string text = prefixes[index] + next;
            prefixes[index] = "";
            if (text.Length > 0 || (ended && unsent[index].Count > 0))
                Write([new(text, index, TakeLogprobs(index), null)], null);
            if (ended)
                Write([new("", index, null, FinishOf(reading.Choices.ElementAtOrDefault(index)))], null);
        }

        CompletionLogprobs? TakeLogprobs(int index)
        {
            if (request.Logprobs is null)
                return null;
            CompletionLogprobs taken = _logprobs.Completion(unsent[index], ref offsets[index]);
            unsent[index].Clear();
            return taken;
        }

        void Write(CompletionChoice[] choices, Usage? usage)
        {
            if (request.IncludeUsage)
                stream.Write(new CompletionWithUsage(id, ObjectName, created, _model.Name, choices, serving.Fingerprint, usage),
                    WireJson.Wire.CompletionWithUsage);
            else
                stream.Write(new Completion(id, ObjectName, created, _model.Name, choices, serving.Fingerprint), WireJson.Wire.Completion);
        }
    }

    private static Usage UsageOf(CompletionRequest request, List<Generation> generations, AnswerReading reading) =>
        Usage.Of(request.PromptIds.Sum(ids => ids.Length), generations, reading.Choices);

    private static string TextOf(OutputEvents events) => string.Concat(events.Select(next => next.Text));

    private static string FinishOf(ChoiceReader? choice) => choice?.Finish == FinishReason.Stop ? "stop" : "length";
}
