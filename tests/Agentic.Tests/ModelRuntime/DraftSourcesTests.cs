using System.Runtime.InteropServices;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>What each source that comes with a request, or learns from logits, proposes.</summary>
public sealed unsafe class DraftSourcesTests
{
    private const int Vocabulary = 64;

    [Fact]
    public void Prediction_IsDraftedFromItsStartToTheEndToken()
    {
        Sequence sequence = NewSequence([1, 2], request => request with { PredictionIds = [5, 6, 7], StopTokenIds = [63] });

        Assert.Equal([5, 6, 7, 63], Propose(new PredictionDrafter(), sequence).TokenIds.ToArray());
    }

    [Fact]
    public void AnswerDeparts_PredictionIsTakenUpAgain()
    {
        Sequence sequence = NewSequence([1, 2], request => request with { PredictionIds = [.. Enumerable.Range(10, 20)] });
        var drafter = new PredictionDrafter();
        Propose(drafter, sequence);

        Write(drafter, sequence, 10, 11, 12, 40);
        Assert.Equal(0, Propose(drafter, sequence, begin: false).Count);

        Write(drafter, sequence, 14, 15, 16);
        Assert.Equal([17, 18], Propose(drafter, sequence, begin: false).TokenIds[..2].ToArray());
    }

    [Fact]
    public void WrongPredictions_GrowUnlikely()
    {
        var drafter = new PredictionDrafter();
        float first = 0, last = 0;
        for (int i = 0; i < 200; i++)
        {
            Sequence sequence = NewSequence([1, 2], request => request with { PredictionIds = [5, 6, 7] });
            last = Propose(drafter, sequence).Probabilities[0];
            first = i == 0 ? last : first;
            Write(drafter, sequence, i % 10 == 0 ? 5 : 9);
            drafter.End(sequence);
        }

        Assert.True(first > 0.5f);
        Assert.InRange(last, 0.07f, 0.14f);
    }

    [Fact]
    public void CallOfAToolNeverSeen_IsDraftedFromTheAnswersStart()
    {
        // Prompt ends 1 2; calls are 20 21 NAME 22, a value, 23 24.
        Sequence sequence = NewSequence([7, 1, 2], request => request with { CallSkeletons = [Call(0, 30), Call(1, 31)] });
        var drafter = new SchemaDrafter();

        DraftTree tree = Propose(drafter, sequence);
        Assert.Equal([20, 21], tree.TokenIds[..2].ToArray());
        Assert.Contains(30, tree.TokenIds.ToArray());
        Assert.Contains(31, tree.TokenIds.ToArray());

        Write(drafter, sequence, 20, 21, 31);
        Assert.Equal([22], Propose(drafter, sequence, begin: false).TokenIds.ToArray());

        // The value is the model's own; after its end the skeleton goes on, and after the call another may begin.
        Write(drafter, sequence, 22, 50, 51);
        Assert.Equal(0, Propose(drafter, sequence, begin: false).Count);
        Write(drafter, sequence, 23);
        Assert.Equal([24], Propose(drafter, sequence, begin: false).TokenIds.ToArray());
        Write(drafter, sequence, 24, 20);
        Assert.Equal(21, Propose(drafter, sequence, begin: false).TokenIds[0]);
    }

    [Fact]
    public void ModelWritesInOneStyle_TheOtherGrowsUnlikely()
    {
        var drafter = new SchemaDrafter();
        DraftTree tree = new();
        for (int i = 0; i < 50; i++)
        {
            Sequence sequence = NewSequence([1, 2], request => request with
            {
                CallSkeletons = [new CallSkeleton(0, 0, [[1, 2, 20, 40]], 2), new CallSkeleton(0, 1, [[1, 2, 20, 41]], 2)],
            });
            tree = Propose(drafter, sequence);
            Write(drafter, sequence, 20);
            Write(drafter, sequence, 41);
            drafter.End(sequence);
        }

        Assert.Equal([20, 41], tree.TokenIds.ToArray());
    }

    [Fact]
    public void ToolsAreAnsweredWithText_CallsStayLikelyWhereUsersAreAnswered()
    {
        var drafter = new SchemaDrafter();
        float afterUser = 0, afterTool = 0;
        for (int i = 0; i < 50; i++)
        {
            afterUser = Answer(TokenKind.User, 20);
            afterTool = Answer(TokenKind.Tool, 50);
        }

        Assert.True(afterUser > 0.9f);
        Assert.True(afterTool < 0.03f);
        for (int i = 0; i < 50; i++)
            afterTool = Answer(TokenKind.Tool, 20);
        Assert.True(afterTool > 0.4f);

        float Answer(TokenKind speaker, int written)
        {
            Sequence sequence = NewSequence([7, 1, 2], request => request with
            {
                CallSkeletons = [Call(0, 30)],
                PromptRuns = [new TokenRun(speaker, 1), new TokenRun(TokenKind.Prompt, 2)],
            });
            float claim = Propose(drafter, sequence).Probabilities[0];
            Write(drafter, sequence, written);
            drafter.End(sequence);
            return claim;
        }
    }

    [Fact]
    public void TokenWasScored_ItsSuccessorsAreDraftedInItsNamespaceOnly()
    {
        var drafter = new RecyclingDrafter(Vocabulary, 1 << 20);
        Sequence own = NewSequence([1, 2]), other = NewSequence([1, 2], request => request with { Namespace = Key("another") });
        drafter.Begin(own);
        drafter.Begin(other);
        Score(drafter, own, likely: 9);

        Assert.Equal(9, Propose(drafter, own, begin: false).TokenIds[0]);
        Assert.Equal(0, Propose(drafter, other, begin: false).Count);
    }

    [Fact]
    public void ByteBudgetIsExceeded_TheNamespaceUnusedForLongestForgets()
    {
        var drafter = new RecyclingDrafter(Vocabulary, byteBudget: 2 * SuccessorTable.PageBytes);
        for (int i = 0; i < 20; i++)
        {
            Sequence sequence = NewSequence([1, 2], request => request with { Namespace = Key($"tenant{i}") });
            drafter.Begin(sequence);
            Score(drafter, sequence, likely: 9);
            drafter.End(sequence);
            Assert.InRange(drafter.Bytes, 0, 3 * SuccessorTable.PageBytes);
        }

        Sequence first = NewSequence([1, 2], request => request with { Namespace = Key("tenant0") });
        Assert.Equal(0, Propose(drafter, first).Count);
    }

    private static CallSkeleton Call(int tool, int name) => new(tool, 0, [[1, 2, 20, 21, name, 22], [23, 24]], PromptTokens: 2);

    private static NamespaceKey Key(string tenant) => NamespaceKey.Derive("secret"u8, tenant, "model", "tokenizer");

    private static Sequence NewSequence(int[] prompt, Func<GenerationRequest, GenerationRequest>? change = null)
    {
        var request = new GenerationRequest { Id = "test", PromptIds = prompt, Namespace = Key("tenant"), MaxOutputTokens = 100 };
        return new Sequence(new Generation(change?.Invoke(request) ?? request, (_, _) => { }), 0, 100, TimeSpan.Zero);
    }

    private static DraftTree Propose(IDrafter drafter, Sequence sequence, bool begin = true)
    {
        if (begin)
            drafter.Begin(sequence);
        var tree = new DraftTree();
        drafter.Propose(sequence, tree, 32, 99);
        return tree;
    }

    private static void Write(IDrafter drafter, Sequence sequence, params int[] tokens)
    {
        foreach (int token in tokens)
            sequence.Append(token);
        drafter.Observe(sequence, new DraftTree(), tokens);
    }

    private static void Score(RecyclingDrafter drafter, Sequence sequence, int likely)
    {
        float* logits = (float*)NativeMemory.AllocZeroed(Vocabulary * sizeof(float));
        logits[likely] = 10;
        drafter.Scored(sequence, new DraftTree(), new StepLogits(logits, 1, Vocabulary), 0);
        NativeMemory.Free(logits);
    }
}
