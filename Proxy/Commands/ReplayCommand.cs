using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Agentic.SuffixCache;
using Spectre.Console;

namespace Agentic.Proxy;

/// <summary><c>agentic replay</c>: what speculation would give on recorded conversations, without a model.</summary>
internal static class ReplayCommand
{
    private const int WidthOfFiles = 200;

    private static readonly Argument<string[]> Files = new("FILE")
    {
        Arity = ArgumentArity.OneOrMore,
        Description = "Recordings: OpenAI chats, a JSON object a line (.jsonl, .jsonl.gz): conversations with \"messages\", or logged "
            + "requests with their responses; or token segments (.seg.gz). Each starts from an empty cache.",
    };

    private static readonly Option<int> Budget = new("--budget")
    {
        HelpName = "N",
        Description = "Most nodes drafted a step.",
        DefaultValueFactory = _ => 32,
    };

    private static readonly Option<double?> Mean = new("--mean")
    {
        HelpName = "N",
        Description = "Nodes drafted a step on average: those that are probable enough, up to the budget. Default: all.",
    };

    private static readonly Option<bool> FirstTrials = new("--first-trials")
    {
        Description = "Leave out a task's later trials: of conversations with the same \"group\", only those of the first \"session\".",
    };

    private static readonly Option<string> Model = new("--model", "--tokenizer")
    {
        HelpName = "DIR",
        Description = "The model directory whose chat template and tokenizer lay out chats. Default: the bundled model's.",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Write the figures as JSON." };

    public static Command Create()
    {
        const string Help = "Says what speculation would give on recorded conversations, without a model.";
        var command = new Command("replay", Help) { Files, Budget, Mean, FirstTrials, Model, Json };
        command.SetAction(Run);
        return command;
    }

    private static void Run(ParseResult parsed)
    {
        int budget = parsed.GetValue(Budget);
        if (budget is < 1 or > Continuation.MostNodes)
            throw new CommandException($"budget: {budget} is not a number of nodes; give 1 to {Continuation.MostNodes}");

        double? mean = parsed.GetValue(Mean);
        if (mean is not null && !(mean > 0 && mean <= budget))
            throw new CommandException($"mean: {mean} is not a number of nodes above 0 and up to the budget of {budget}");

        string[] files = parsed.GetRequiredValue(Files);
        var layout = new Lazy<ChatLayout>(() => Layout(parsed.GetValue(Model)));
        List<ReplayRow> rows = [];
        ReplayResult all = new();
        foreach (string file in files)
        {
            IReadOnlyList<RecordedConversation> conversations = Recordings.Read(file, layout, parsed.GetValue(FirstTrials));
            int calls = conversations.Sum(conversation => conversation.Segments.Count(segment => segment.Written));
            ReplayResult? result = null;
            Progress.Run(Path.GetFileName(file), calls, report => result = TraceReplay.Run(conversations, budget, mean, () => report(1)));
            rows.Add(ReplayRow.Of(Path.GetFileName(file), result!));
            all += result!;
        }

        if (rows.TrueForAll(row => row.Calls == 0))
            throw new CommandException(
                $"{string.Join(", ", files)}: no model's answer is in there, and so nothing to draft; name a file with some");
        var report = new ReplayReport(budget, mean, rows, ReplayRow.Of("all", all));
        if (parsed.GetValue(Json))
            Console.WriteLine(JsonSerializer.Serialize(report, ReplayJson.Default.ReplayReport));
        else
            Draw(report);
    }

    private static ChatLayout Layout(string? directory)
    {
        directory ??= BundledModel.Directory
            ?? throw new CommandException("model: the bundled model is not here; name a model directory with --model");
        return Directory.Exists(directory)
            ? ChatLayout.Load(directory)
            : throw new CommandException($"model: '{directory}' is not a directory; name one with a tokenizer.json or tokenizer.model");
    }

    private static void Draw(ReplayReport report)
    {
        if (Console.IsOutputRedirected)
            AnsiConsole.Profile.Width = WidthOfFiles;
        var table = new Table().Border(TableBorder.Simple)
            .AddColumn("file")
            .AddColumns(
                Right("calls"), Right("output tokens"), Right("tokens/step"), Right("drafted/step"), Right("accepted"),
                Right("predicted/actual"), Right("calibration error"), Right("draft µs mean"), Right("p50"), Right("p99"),
                Right("append ns/token"), Right("prompt ns/token"), Right("bytes/token"));
        foreach (ReplayRow row in report.Files.Count > 1 ? report.Files.Append(report.All) : report.Files)
        {
            table.AddRow(
                Markup.Escape(row.File), Number(row.Calls, 0), Number(row.OutputTokens, 0),
                Number(row.TokensPerStep, 3), Number(row.DraftedPerStep, 1),
                Number(100 * row.Acceptance, 1) + " %", Number(row.PredictedOverActual, 3), Number(row.CalibrationError, 4),
                Number(row.DraftMicroseconds.Mean, 1), Number(row.DraftMicroseconds.P50, 1), Number(row.DraftMicroseconds.P99, 1),
                Number(row.AppendNanosecondsPerToken, 0),
                Number(row.PromptNanosecondsPerToken, 0), Number(row.BytesPerToken, 1));
        }

        AnsiConsole.Write(table);
    }

    private static TableColumn Right(string header) => new TableColumn(header).RightAligned();

    private static string Number(double value, int decimals) => value.ToString($"N{decimals}", CultureInfo.InvariantCulture);
}
