using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Tests;

public sealed class AnswerRegeneratorTests
{
    private const int End = 9;
    private static readonly RecordedConversation Conversation = new(
    [
        new(false, [1, 2, 3]), new(true, [4, End]), new(false, [5]), new(true, [6, 7, End]), new(false, [8]), new(true, [2, End]),
    ]);

    [Fact]
    public async Task AnswersAsRecorded_StayInTheConversation_OthersStandAlone()
    {
        var engine = new FakeEngine
        {
            Script = (request, _) => request.PromptIds.Length switch { 3 => [4, End], 6 => [7, 7, 7, End], 10 => [2, End], _ => [0] },
        };

        IReadOnlyList<TrainingSequence> sequences =
            await new AnswerRegenerator(engine, [End], 16, 100).AnswerAsync(Conversation, 0, 0, TestContext.Current.CancellationToken);

        Assert.Equal(2, sequences.Count);
        Assert.Equal([1, 2, 3, 4, End, 5, 6, 7, End, 8, 2, End], sequences[0].Tokens);
        Assert.Equal("...ww.....ww", Marks(sequences[0]));
        Assert.Equal([1, 2, 3, 4, End, 5, 7, 7, 7, End], sequences[1].Tokens);
        Assert.Equal("......wwww", Marks(sequences[1]));
        Assert.All(engine.Generations, generation => Assert.Equal([End], generation.Request.StopTokenIds));
    }

    [Fact]
    public async Task CallsThatDoNotFit_AreNotLearned()
    {
        var engine = new FakeEngine { Script = (request, _) => request.PromptIds.Length == 3 ? [4, End] : [6, 6, 6, 6] };

        IReadOnlyList<TrainingSequence> sequences =
            await new AnswerRegenerator(engine, [End], 16, mostTokens: 8).AnswerAsync(Conversation, 0, 0, TestContext.Current.CancellationToken);

        Assert.Equal([3, 6], engine.Generations.Select(generation => generation.Request.PromptIds.Length));
        Assert.Equal("...ww.......", Marks(sequences[0]));
        Assert.Equal([1, 2, 3, 4, End, 5, 6, 6], Assert.Single(sequences.Skip(1)).Tokens);
    }

    [Fact]
    public async Task Temperature_IsTheRequests()
    {
        var engine = new FakeEngine();

        await new AnswerRegenerator(engine, [End], 16, 100).AnswerAsync(Conversation, 0.7f, 5, TestContext.Current.CancellationToken);

        Assert.All(engine.Generations.Select(generation => generation.Request.Sampling), sampling =>
            Assert.Equal((0.7f, 5ul), (sampling.Temperature, sampling.Seed)));
    }

    private static string Marks(TrainingSequence sequence) => string.Concat(sequence.Written.Select(written => written ? 'w' : '.'));
}
