using Agentic.Proxy;

namespace Agentic.Tests;

public sealed class BenchWorkloadTests
{
    [Fact]
    public void Mixture_TakesCallsOfAllKindsInTurn()
    {
        BenchWorkload[] kinds =
        [
            new("a", [.. Enumerable.Range(0, 6).Select(i => new BenchCall("a", [i], null))], []),
            new("b", [.. Enumerable.Range(10, 2).Select(i => new BenchCall("b", [i], null))], []),
        ];

        BenchWorkload mixed = BenchWorkload.Mixed(kinds, maxCalls: 5);

        Assert.Equal([0, 1, 10, 2, 3], mixed.Calls.Select(call => call.PromptIds[0]));
        Assert.All(mixed.Calls, call => Assert.Equal(mixed.Name, call.Workload));
    }

    [Fact]
    public void CallThatDoesNotFit_IsLeftOutAndNamed()
    {
        string file = Path.Combine(Directory.CreateTempSubdirectory("agentic-").FullName, "calls.jsonl");
        File.WriteAllLines(file, new[] { "a", "a a a a a a a a a a a a", "b" }.Select(text =>
            $$"""{"kind": "talk", "messages": [{"role": "user", "content": "{{text}}"}, {"role": "assistant", "content": "yes"}]}"""));

        BenchWorkload all = Assert.Single(BenchWorkload.Read(BundledModel.Directory!, [file], forced: false, context: 4096, maxCalls: 100));
        Assert.Equal(3, all.Calls.Count);
        Assert.Equal("", BenchWorkload.TellSkipped([all]));

        int longest = all.Calls[1].PromptIds.Length + 1;
        BenchWorkload some = Assert.Single(BenchWorkload.Read(BundledModel.Directory!, [file], forced: false, context: longest, maxCalls: 100));
        Assert.Equal([all.Calls[0].PromptIds, all.Calls[2].PromptIds], some.Calls.Select(call => call.PromptIds));
        Assert.Equal($"talk: left out call 2 ({longest} tokens, {longest - 1} fit){Environment.NewLine}", BenchWorkload.TellSkipped([some]));
    }
}
