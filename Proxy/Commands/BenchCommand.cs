using System.CommandLine;
using System.Text.Json;
using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary><c>agentic bench</c>: what speculation gains on this machine, end to end, in one run.</summary>
internal static class BenchCommand
{
    // Of all modes' pools together.
    private const long MostKvBytes = 8L << 30;

    private static readonly Option<string?>
        Model = CommandRunner.Option<string?>("--model", "DIR", "A Hugging Face checkpoint directory. Default: the bundled model.");

    private static readonly Option<string[]>
        Prompts = Files("--prompts", "Conversations (JSON lines) whose prompts the model answers freely. Default: the bundled model's world."),
        Traces = Files("--traces", "Recorded conversations along which the target is forced: acceptance is real, and time is.");

    private static readonly Option<int?>
        Rounds = CommandRunner.Option<int?>("--rounds", "N", "Rounds: each mode runs each workload once in each. Default: 3."),
        Concurrency = CommandRunner.Option<int?>("--concurrency", "N", "Requests at once. Default: 1."),
        MaxCalls = CommandRunner.Option<int?>("--max-calls", "N", "Calls of one workload. Default: 100."),
        MaxTokens = CommandRunner.Option<int?>("--max-tokens", "N", "Tokens of one free answer. Default: 512."),
        CatchUp = CommandRunner.Option<int?>("--draft-catch-up", "N", "Last tokens of a context that the head begins with. Default: 128."),
        DraftNodes = CommandRunner.Option<int?>("--draft-nodes", "N", "Most drafted tokens of one sequence and step. Default: 32."),
        Threads = CommandRunner.Option<int?>("--threads", "N", "Threads that compute. Default: one a core.");

    private static readonly Option<float?>
        Temperature = CommandRunner.Option<float?>("--temperature", "T", "Of free answers. Default: 0.");

    private static readonly Option<string?>
        Sources = CommandRunner.Option<string?>(
            "--sources", "LIST",
            "Sources of drafts to measure, each alone or joined: suffix,suffix+schema,suffix+recycling. Default: suffix+schema; with a draft head also suffix, "
            + "eagle, and the blend suffix+schema+eagle."),
        Draft = CommandRunner.Option<string?>("--draft", "DIR", "An EAGLE draft head of the model: the source eagle."),
        Workloads = CommandRunner.Option<string?>("--workloads", "LIST", "Only these workloads, by name."),
        Stop = CommandRunner.Option<string?>(
            "--draft-stop", "rate|entropy|beam|depth", "When the head stops growing a tree: by the step's rate, or by SVIP's, DDD's or EAGLE-2's rule. Default: rate.");

    private static readonly Option<bool>
        PointCandidates = new("--draft-uncoupled") { Description = "At a temperature, take the head's likeliest tokens, not those that the sampler's noise favours." };

    // A prediction comes with a request, and recorded conversations have none.
    private static readonly DraftSource[] Choices = [DraftSource.Suffix, DraftSource.Schema, DraftSource.Eagle, DraftSource.Recycling];

    private static readonly Option<bool>
        ShowTree = new("--show-tree") { Description = "Show one merged draft tree of the last mode instead of figures." },
        Json = new("--json") { Description = "Every pass as JSON instead of a table." };

    public static Command Create()
    {
        var command = new Command("bench", "Measures plain decoding against speculation, turn by turn in one run.")
        {
            Model, Prompts, Traces, Rounds, Concurrency, MaxCalls, MaxTokens, DraftNodes, Threads, Temperature, Sources, Workloads, Draft, Stop, CatchUp,
            PointCandidates, ShowTree, Json,
        };
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(parsed, cancellation)));
        return command;
    }

    private static Option<string[]> Files(string name, string help) =>
        new(name) { HelpName = "FILE…", Description = help, AllowMultipleArgumentsPerToken = true };

    private static int Run(ParseResult parsed, CancellationToken cancellation)
    {
        string directory = parsed.GetValue(Model) ?? BundledModel.Directory
            ?? throw new CommandException("model: the bundled model is not beside the server; name a checkpoint directory with --model");
        string[] traces = parsed.GetValue(Traces) ?? [], prompts = parsed.GetValue(Prompts) ?? [];
        bool forced = traces.Length > 0;
        if (!forced && prompts.Length == 0)
            prompts = [BundledWorld()];

        int threads = Positive(parsed, Threads, Environment.ProcessorCount);
        using var kernels = new CpuKernels(threads);
        using Transformer model = Transformer.Load(directory, new ModelOptions(), kernels);
        int concurrency = forced ? 1 : Positive(parsed, Concurrency, 1);
        string[] modes = ModesOf(parsed, parsed.GetValue(Draft) is not null);
        EngineOptions options = new()
        {
            KvBlocks = (int)Math.Min(((long)concurrency * model.MaxPositions / model.BlockSize) + 256, MostKvBytes / (modes.Length + 1) / model.KvBytesPerBlock),
            MaxSequences = concurrency,
            MaxDraftNodes = Positive(parsed, DraftNodes, 32),
            Eagle = new EagleOptions
            {
                Stop = StopOf(parsed),
                Coupled = !parsed.GetValue(PointCandidates),
                CatchUpTokens = Positive(parsed, CatchUp, new EagleOptions().CatchUpTokens),
            },
        };
        model.AllocateKv(options.KvBlocks);
        using DraftHead? head = parsed.GetValue(Draft) is string draft ? DraftHeads.Open(draft, directory, model, kernels) : null;
        int context = Math.Min(model.MaxPositions, options.KvBlocks * model.BlockSize);

        (int Interest, DraftTrace? Tree) shown = (0, null);
        var settings = new BenchSettings
        {
            StopTokenIds = [.. GenerationConfig.Read(directory).EosTokenIds],
            Rounds = Positive(parsed, Rounds, 3),
            Concurrency = concurrency,
            MaxTokens = Positive(parsed, MaxTokens, 512),
            Temperature = parsed.GetValue(Temperature) ?? 0,
        };
        if (parsed.GetValue(ShowTree))
        {
            settings = settings with { Rounds = 1, Watch = Consider };
            modes = [modes[^1]];
        }

        var workloads = BenchWorkload.Read(directory, forced ? traces : prompts, forced, context, Positive(parsed, MaxCalls, 100));
        Console.Error.Write(BenchWorkload.TellSkipped(workloads));
        workloads.RemoveAll(workload => workload.Calls.Count == 0);
        if (workloads.Count == 0)
            throw new CommandException($"{(forced ? "traces" : "prompts")}: no call fits the model");
        if (workloads.Count > 1)
            workloads.Add(BenchWorkload.Mixed(workloads, Positive(parsed, MaxCalls, 100)));
        if (!forced)
            workloads.Add(BenchWorkload.Novel(model.VocabularySize, Positive(parsed, MaxCalls, 100)));

        Keep(workloads, parsed.GetValue(Workloads));
        VerifyCost cost = VerifyCost.Measure(model, options.KvBlocks, TimeProvider.System, InferenceEngine.MeasuringLimit);
        List<BenchPass> passes = [];
        BenchLane[] lanes = [.. modes.Select(mode => BenchLane.Open(mode, model, head, options.KvBlocks))];
        try
        {
            Progress.Run("bench", workloads.Count * settings.Rounds * lanes.Length, report =>
            {
                foreach (BenchWorkload workload in workloads)
                {
                    var runner = new BenchRunner(lanes, options, cost, settings with
                    {
                        Temperature = workload.Temperature ?? settings.Temperature,
                        MaxTokens = workload.Tokens ?? settings.MaxTokens,
                        StopTokenIds = workload.Tokens is null ? settings.StopTokenIds : [],
                    });
                    if (workload == workloads[0])
                        runner.WarmUpAsync(workload, cancellation).GetAwaiter().GetResult();
                    passes.AddRange(runner.RunAsync(workload, report, cancellation).GetAwaiter().GetResult());
                }
            });
        }
        finally
        {
            foreach (BenchLane lane in lanes)
                lane.Dispose();
        }

        if (settings.Watch is not null)
        {
            Console.WriteLine(shown.Tree is DraftTrace tree ? TreePicture.Draw(tree, Tokenizer.Load(directory)) : "No draft was accepted.");
            return 0;
        }

        List<BenchResult> results = BenchResult.Summarize(passes);
        if (parsed.GetValue(Json))
        {
            var report = new BenchReport(Path.GetFileName(directory), settings.Rounds, concurrency, threads, results);
            Console.WriteLine(JsonSerializer.Serialize(report, BenchJson.Default.BenchReport));
        }
        else
            Console.Write(BenchResult.Table(results));
        return results.All(result => result.SameTokens)
            ? 0
            : throw new CommandException("two modes wrote different tokens: speculation changed an answer, which is a fault of the server");

        void Consider(DraftTrace trace)
        {
            if (TreePicture.Interest(trace) is var interest && interest > shown.Interest)
                shown = (interest, trace);
        }
    }

    private static void Keep(List<BenchWorkload> workloads, string? list)
    {
        if (list is null)
            return;
        string[] names = list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        foreach (string name in names.Where(name => workloads.All(workload => workload.Name != name)))
            throw new CommandException($"workloads: '{name}' is none of {string.Join(", ", workloads.Select(workload => workload.Name))}");
        workloads.RemoveAll(workload => !names.Contains(workload.Name));
    }

    private static DraftStop StopOf(ParseResult parsed) =>
        parsed.GetValue(Stop) is not string name ? DraftStop.Rate
        : Enum.TryParse(name, ignoreCase: true, out DraftStop stop) && Enum.IsDefined(stop) ? stop
        : throw new CommandException($"draft-stop: '{name}' is not known; use rate, entropy, beam or depth");

    private static string[] ModesOf(ParseResult parsed, bool hasHead)
    {
        string[] names = [.. Choices.Select(source => source.ToString().ToLowerInvariant())];
        string[] modes = (parsed.GetValue(Sources) ?? (hasHead ? "suffix,eagle,suffix+schema,suffix+schema+eagle" : "suffix+schema")).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        foreach (string name in modes.SelectMany(mode => mode.Split('+')))
        {
            if (!names.Contains(name))
                throw new CommandException($"sources: '{name}' is not known; name {string.Join(", ", names)}, joined by + to measure them together");
        }

        if (!hasHead && modes.Any(mode => mode.Split('+').Contains("eagle")))
            throw new CommandException("sources: eagle needs a draft head; name its directory with --draft");
        return [BenchSettings.Plain, .. modes.Distinct()];
    }

    private static string BundledWorld() =>
        BundledModel.Directory is string model && Path.Combine(model, "..", "..", "loadtests", "data", "world.jsonl") is var file && File.Exists(file)
        ? Path.GetFullPath(file)
        : throw new CommandException("prompts: the bundled workload is not beside the server; name a file of conversations with --prompts");

    private static int Positive(ParseResult parsed, Option<int?> option, int otherwise) => parsed.GetValue(option) switch
    {
        null => otherwise,
        int value and > 0 => value,
        int value => throw new CommandException($"{option.Name.TrimStart('-')}: {value} is not 1 or more"),
    };
}
