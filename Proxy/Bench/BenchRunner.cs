using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>Runs the same calls in several modes, turn by turn in one process: a machine that others share is as fast for each. Every round begins
/// with fresh engines and fresh caches.</summary>
/// <param name="lanes">What the modes run on.</param>
/// <param name="options">Limits of every engine.</param>
/// <param name="cost">What a pass of the model costs, measured once: all modes and rounds decide by the same curve.</param>
/// <param name="settings">What is run.</param>
internal sealed class BenchRunner(IReadOnlyList<BenchLane> lanes, EngineOptions options, VerifyCost cost, BenchSettings settings)
{
    private const int WarmUpRounds = 6, WarmUpCalls = 16;

    /// <summary>Passes over one workload, of every mode in each round.</summary>
    /// <param name="workload">The calls.</param>
    /// <param name="report">Told of the passes done.</param>
    /// <param name="cancellation">Looked at between turns.</param>
    public async Task<List<BenchPass>> RunAsync(BenchWorkload workload, Action<int> report, CancellationToken cancellation)
    {
        List<BenchPass> passes = [];
        for (int round = 0; round < settings.Rounds; round++)
        {
            passes.AddRange(await RoundAsync(workload.Name, round, workload.Calls, cancellation));
            report(lanes.Count);
        }

        return passes;
    }

    /// <summary>Runs a few calls in every mode, unmeasured: code that is not optimised yet would count as a cost of what runs it first.</summary>
    /// <param name="workload">The calls.</param>
    /// <param name="cancellation">Looked at between turns.</param>
    public async Task WarmUpAsync(BenchWorkload workload, CancellationToken cancellation)
    {
        BenchCall[] calls = [.. workload.Calls.Take(WarmUpCalls)];
        for (int round = 0; round < WarmUpRounds; round++)
            await RoundAsync(workload.Name, round, calls, cancellation);
    }

    /// <summary>In which order the modes have a turn: in twice as many turns as there are modes each has each place twice, and not always behind the same
    /// other.</summary>
    internal static IEnumerable<int> Order(int turn, int modes) =>
        Enumerable.Range(turn / 2, modes).Select(i => turn % 2 == 0 ? i % modes : modes - 1 - (i % modes));

    /// <summary>A turn is as many calls as run at once, in every mode.</summary>
    private async Task<List<BenchPass>> RoundAsync(string workload, int round, IReadOnlyList<BenchCall> calls, CancellationToken cancellation)
    {
        List<BenchRun> runs = [];
        try
        {
            foreach (BenchLane lane in lanes)
                runs.Add(new BenchRun(lane, options, cost.Copy(), settings));
            for (int first = 0, turn = round; first < calls.Count; first += settings.Concurrency, turn++)
            {
                BenchCall[] batch = [.. calls.Skip(first).Take(settings.Concurrency)];
                foreach (int mode in Order(turn, runs.Count))
                {
                    cancellation.ThrowIfCancellationRequested();
                    await runs[mode].TurnAsync(batch, first);
                }
            }

            return [.. runs.Select(run => run.Pass(workload, round, calls))];
        }
        finally
        {
            foreach (BenchRun run in runs)
                await run.DisposeAsync();
        }
    }
}

/// <summary>How a bench runs.</summary>
internal sealed record BenchSettings
{
    /// <summary>The mode without drafts.</summary>
    public const string Plain = "plain";

    public required IReadOnlyList<int> StopTokenIds { get; init; }

    public int Rounds { get; init; } = 3;

    public int Concurrency { get; init; } = 1;

    public int MaxTokens { get; init; } = 512;

    public float Temperature { get; init; }

    /// <summary>Told of every tree.</summary>
    public Action<DraftTrace>? Watch { get; init; }

    /// <summary>What drafts in a mode.</summary>
    public static DraftSource[] SourcesOf(string mode) =>
        mode == Plain ? [] : [.. mode.Split('+').Select(source => Enum.Parse<DraftSource>(source, ignoreCase: true))];
}
