using System.Text;
using Agentic.ModelRuntime;
using Agentic.Proxy;
using CsCheck;

namespace Agentic.Tests;

public sealed class ReasoningParserTests
{
    [Theory]
    [InlineData(false, "<think>\nA <b.\n</think>\n\nHello", "A <b.", "Hello")]
    [InlineData(true, "\nA.\n</think>\n\nHello", "A.", "Hello")]
    [InlineData(true, "A</thin</think>B", "A</thin", "B")]
    [InlineData(true, "A<</think>B", "A<", "B")]
    [InlineData(false, " <think>\n\n</think>\n\nHello", "", "Hello")]
    [InlineData(false, "Hello <think>A</think>", "", "Hello <think>A</think>")]
    [InlineData(false, " <thing", "", " <thing")]
    [InlineData(false, "  <think", "", "  <think")]
    [InlineData(true, "never ends </thi", "never ends </thi", "")]
    [InlineData(true, "never ends  ", "never ends", "")]
    [InlineData(false, "<think>A</think>B</think>C", "A", "B</think>C")]
    public void Text_IsDividedIntoThoughtAndAnswer(bool opened, string text, string thought, string answer)
    {
        (string Thought, string Answer) read = Read(opened, [text]);
        Assert.Equal((thought, answer), read);
    }

    [Fact]
    public void AnyCut_GivesTheSame() => Gen.Select(Gen.Bool, Gen.Int[0, int.MaxValue]).Sample((opened, seed) =>
    {
        Random random = new(seed);
        string[] pieces = ["<think>", "</think>", "<", "/", "think>", "a", " ", "\n", "b</", "<tool_call>"];
        string text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => pieces[random.Next(pieces.Length)]));
        List<string> cut = [];
        for (int at = 0, next; at < text.Length; at = next)
            cut.Add(text[at..(next = Math.Min(text.Length, at + 1 + random.Next(4)))]);
        Assert.Equal(Read(opened, [text]), Read(opened, cut));
    });

    /// <summary>The whole reader: thoughts, text and calls come out alike however steps bring the tokens.</summary>
    [Theory]
    [InlineData("<think>Which?</think>\n\nIt is.", "Which?", "It is.", 0)]
    [InlineData("<think>\nCall <tool_call> it.\n</think>\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>", "Call <tool_call> it.", "", 1)]
    public void Reader_TellsThoughtsTextAndCalls(string text, string thought, string answer, int calls)
    {
        FakeCodec codec = new();
        int[] ids = [.. codec.Encode(text, false), FakeCodec.End];
        ChoiceReader reader = new(codec, ["never"], new ToolCallParser(CallFormat.Hermes, () => "id"), int.MaxValue, new ReasoningParser(false));
        OutputEvents events = [];
        for (int i = 0; i < ids.Length; i++)
            reader.Read(new TokenOutput(0, ids[i], null, i + 1 == ids.Length ? FinishReason.Stop : null), events, []);

        Assert.Equal(thought, Joined(events, OutputEventKind.Reasoning));
        Assert.Equal(answer, Joined(events, OutputEventKind.Text));
        Assert.Equal(calls, reader.Calls);
        Assert.InRange(reader.ReasoningTokens, thought.Length / 8, text.Length - answer.Length);
    }

    private static (string Thought, string Answer) Read(bool opened, IEnumerable<string> pieces)
    {
        ReasoningParser parser = new(opened);
        OutputEvents events = [];
        StringBuilder answer = new();
        foreach (string piece in pieces)
            answer.Append(parser.Push(piece, events));
        answer.Append(parser.Flush(events));
        return (Joined(events, OutputEventKind.Reasoning), answer.ToString());
    }

    private static string Joined(OutputEvents events, OutputEventKind kind) =>
        string.Concat(events.Where(next => next.Kind == kind).Select(next => next.Text));
}
