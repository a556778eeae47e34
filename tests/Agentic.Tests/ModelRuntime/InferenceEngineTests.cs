using Agentic.ModelRuntime;
using Agentic.SuffixCache;
using Microsoft.Extensions.Logging.Abstractions;

namespace Agentic.Tests;

public sealed class InferenceEngineTests : IAsyncDisposable
{
    private const int Vocabulary = 32;
    private readonly ScriptedModel _model = new(Vocabulary, blockSize: 4, maxPositions: 128);
    private readonly RuntimeMetrics _metrics = new();
    private readonly InferenceEngine _engine;

    public InferenceEngineTests()
    {
        var options = new EngineOptions { KvBlocks = 32, MaxSequences = 4, MaxStepTokens = 64, MaxWaitingRequests = 2 };
        _model.AllocateKv(options.KvBlocks);
        var cost = new VerifyCost([1], 0);
        _engine = new InferenceEngine(_model, options, [], cost, _metrics, TimeProvider.System, NullLogger.Instance);
    }

    [Fact]
    public void PromptThatCannotRun_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => _engine.Submit(Request([])));
        Assert.Throws<ArgumentException>(() => _engine.Submit(Request([1, Vocabulary])));
        Assert.Throws<ArgumentException>(() => _engine.Submit(Request([-1])));
        Assert.Throws<ArgumentException>(() => _engine.Submit(Request(new int[128])));
        Assert.Equal(FinishReason.Length, Run(_engine.Submit(Request(new int[127], maxTokens: 50))).Finish);
    }

    [Fact]
    public void WaitingLineFull_IsBusyWithATime()
    {
        _engine.Submit(Request([1]));
        _engine.Submit(Request([2]));

        EngineBusyException busy = Assert.Throws<EngineBusyException>(() => _engine.Submit(Request([3])));

        Assert.InRange(busy.RetryAfter.TotalSeconds, 1, 60);
        _engine.RunStep();
        Run(_engine.Submit(Request([3])));
    }

    /// <summary>Two run at once and take a second each, so ten that wait take five: however long each has waited itself.</summary>
    [Fact]
    public void WaitingLineFull_TheTimeIsThatOfTheLine()
    {
        var clock = new ManualClock();
        var model = new ScriptedModel(Vocabulary, blockSize: 4, maxPositions: 128);
        var options = new EngineOptions { KvBlocks = 32, MaxSequences = 2, MaxStepTokens = 64, MaxWaitingRequests = 10 };
        model.AllocateKv(options.KvBlocks);
        var engine = new InferenceEngine(model, options, [], new VerifyCost([1], 0), new RuntimeMetrics(), clock, NullLogger.Instance);
        for (int step = 0; step < 100; step++)
        {
            EngineBusyException? busy = null;
            while (busy is null)
            {
                try
                {
                    engine.Submit(Request([1, 2], maxTokens: 4));
                }
                catch (EngineBusyException full)
                {
                    busy = full;
                }
            }

            if (step > 20)
                Assert.InRange(busy.RetryAfter.TotalSeconds, 5, 6);
            engine.RunStep();
            clock.Advance(0.25);
        }
    }

    [Fact]
    public void ClientLeaves_BlocksAreBackWithinAStep()
    {
        Generation gone = _engine.Submit(Request([.. Enumerable.Range(0, 20)], maxTokens: 100)), stays = _engine.Submit(Request([1, 2, 3], maxTokens: 100));
        _engine.RunStep();
        int before = _engine.BlocksInUse;

        gone.Cancel();
        gone.Cancel();
        _engine.RunStep();

        Assert.True(_engine.BlocksInUse <= before - 5, $"{before} blocks before, {_engine.BlocksInUse} after.");
        TokenOutput last = default;
        while (gone.Outputs.TryRead(out TokenOutput output))
            last = output;
        Assert.Equal(FinishReason.Cancelled, last.Finish);
        Assert.True(gone.Outputs.Completion.IsCompletedSuccessfully);
        Assert.False(stays.Outputs.Completion.IsCompleted);
        Assert.Null(_engine.CheckIntegrity());
    }

    [Fact]
    public void OneChoiceHasWhatWasWanted_TheOthersGoOn()
    {
        Generation generation = _engine.Submit(Request([1, 2, 3], maxTokens: 20) with { Choices = 2 });
        _engine.RunStep();
        generation.Stop(1);

        while (_engine.RunStep())
        {
        }

        List<TokenOutput> outputs = [];
        while (generation.Outputs.TryRead(out TokenOutput output))
            outputs.Add(output);
        Assert.Equal(FinishReason.Stop, outputs.Last(output => output.Choice == 1).Finish);   // what metrics count it as
        Assert.Equal(20, outputs.Count(output => output.Choice == 0));
        Assert.True(generation.Outputs.Completion.IsCompletedSuccessfully);
    }

    [Fact]
    public void NextTurn_FindsThePrefixOfItsNamespaceOnly()
    {
        int[] prompt = [.. Enumerable.Range(0, 21)];
        List<int> answer = Run(_engine.Submit(Request(prompt, maxTokens: 10))).Tokens;
        int[] nextTurn = [.. prompt, .. answer, 5, 6, 7];

        Generation same = _engine.Submit(Request(nextTurn)), other = _engine.Submit(Request(nextTurn, tenant: "other"));
        Run(same);
        Run(other);

        // 21 + 10 tokens, the last of which never had its keys computed: seven full blocks of four, and two of the eighth.
        Assert.Equal(30, same.Statistics.CachedPromptTokens);
        Assert.Equal(0, other.Statistics.CachedPromptTokens);
    }

    [Fact]
    public void SeveralChoices_ShareThePromptsBlocks()
    {
        int[] prompt = [.. Enumerable.Range(0, 24)];
        Generation generation = _engine.Submit(Request(prompt, maxTokens: 8) with { Choices = 4, Sampling = new SamplingParameters { Seed = 3 } });
        int most = 0;
        while (_engine.RunStep())
            most = Math.Max(most, _engine.BlocksInUse);

        // Five shared full blocks (the sixth ends with the token that must be scored), and at most four of each choice's own.
        Assert.InRange(most, 6, 5 + (4 * 4));
        var texts = new Dictionary<int, List<int>>();
        while (generation.Outputs.TryRead(out TokenOutput output))
            (texts.TryGetValue(output.Choice, out List<int>? tokens) ? tokens : texts[output.Choice] = []).Add(output.TokenId);
        Assert.Equal(4, texts.Count);
        Assert.True(texts.Values.Select(tokens => string.Join(',', tokens)).Distinct().Count() > 1, "Choices of one seed differ.");
    }

    [Fact]
    public async Task KnownPrompt_ItsFirstTokensAreScoredWithIt()
    {
        var options = new EngineOptions { KvBlocks = 64, MaxSequences = 4, MaxStepTokens = 64, MaxDraftNodes = 16 };
        using var model = new ScriptedModel(Vocabulary, blockSize: 4, maxPositions: 128);
        model.AllocateKv(options.KvBlocks);
        using var history = new SuffixHistory(Vocabulary, byteBudget: 1 << 20);
        var free = new VerifyCost([.. Enumerable.Repeat(1.0, 18)], 0);
        await using var engine = new InferenceEngine(
            model, options, [new SuffixDrafter(history, 16)], free, _metrics, TimeProvider.System, NullLogger.Instance);
        int[] prompt = [.. Enumerable.Range(0, 30)];
        for (int call = 0; call < 8; call++)
        {
            engine.Submit(Request(prompt, maxTokens: 12));
            while (engine.RunStep())
            {
            }
        }

        Generation known = engine.Submit(Request(prompt, maxTokens: 12));
        engine.RunStep();

        Assert.True(known.Statistics.OutputTokens > 4, $"{known.Statistics.OutputTokens} tokens after the first step.");
    }

    /// <summary>With suffix drafts their sessions see to it.</summary>
    [Fact]
    public async Task NothingIsDrafted_WhatIsPurgedOrLoadedWaitsForNoIdleMoment()
    {
        var options = new EngineOptions { KvBlocks = 64, MaxSequences = 4, MaxStepTokens = 64, MaxDraftNodes = 0 };
        using var model = new ScriptedModel(Vocabulary, blockSize: 4, maxPositions: 128);
        model.AllocateKv(options.KvBlocks);
        using var history = new SuffixHistory(Vocabulary, byteBudget: 1 << 20);
        await using var engine = InferenceEngine.Create(
            model, options, history, _metrics, TimeProvider.System, NullLogger.Instance, new VerifyCost([.. Enumerable.Repeat(1.0, 18)], 0));
        int erased = 0;
        history.Erased += _ => erased++;
        engine.Submit(Request([1, 2, 3], maxTokens: 100));
        history.Load(default, [1, 2, 3, 4]);
        Assert.True(engine.RunStep());
        Assert.NotEqual(0, history.Tokens);

        history.Forget(_ => true);
        Assert.True(engine.RunStep());
        Assert.Equal((1, 0), (erased, history.Tokens));
    }

    [Fact]
    public async Task StepFails_ItsRequestsEndAndTheNextRuns()
    {
        _engine.Start();
        _model.FailNext = true;
        Generation failed = _engine.Submit(Request([1, 2, 3]));
        List<TokenOutput> outputs = await failed.Outputs.ReadAllAsync(TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);

        Assert.Equal(FinishReason.Error, Assert.Single(outputs).Finish);
        Generation next = _engine.Submit(Request([1, 2, 3], maxTokens: 5));
        Assert.Equal(5, (await next.Outputs.ReadAllAsync(TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken)).Count);
    }

    [Fact]
    public async Task Disposal_EndsWhatRuns()
    {
        _engine.Start();
        Generation generation = _engine.Submit(Request([1, 2, 3], maxTokens: 120));

        await _engine.DisposeAsync();

        List<TokenOutput> outputs = await generation.Outputs.ReadAllAsync(TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
        Assert.NotNull(outputs[^1].Finish);
    }

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        _metrics.Dispose();
        _model.Dispose();
    }

    private (List<int> Tokens, FinishReason? Finish) Run(Generation generation)
    {
        while (!generation.Outputs.Completion.IsCompleted && _engine.RunStep())
        {
        }

        List<int> tokens = [];
        FinishReason? finish = null;
        while (generation.Outputs.TryRead(out TokenOutput output))
        {
            tokens.Add(output.TokenId);
            finish = output.Finish;
        }

        return (tokens, finish);
    }

    private static GenerationRequest Request(int[] prompt, int maxTokens = 4, string tenant = "tenant") => new()
    {
        Id = "test",
        PromptIds = prompt,
        Namespace = NamespaceKey.Derive("secret"u8, tenant, "model", "tokenizer"),
        MaxOutputTokens = maxTokens,
    };
}
