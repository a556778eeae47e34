using System.CommandLine;
using System.Globalization;
using System.Numerics;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>What <c>agentic train-draft</c> may be told.</summary>
internal static class TrainDraftSettings
{
    public static readonly Option<string?>
        Model = CommandRunner.Option<string?>("--model", "DIR", "The model to draft for, a Hugging Face checkpoint. Default: the bundled model."),
        DataDirectory = CommandRunner.Option<string?>("--data-dir", "DIR", "Learn from what a server keeps in this directory (serve --data)."),
        Redis = CommandRunner.Option<string?>(
            "--redis", "HOST:PORT,…", "Learn from what servers keep in this Redis; their secret is in --data-dir."),
        Layout = CommandRunner.Option<string?>("--layout", "safeailab|speculators",
            "safeailab: plain EAGLE-3 under SafeAILab's names, which vLLM and SGLang read. speculators: EAGLE-3.1 as vLLM has it, whose "
            + "longer chains hold better. Default: safeailab."),
        Boundaries = CommandRunner.Option<string?>("--boundaries", "B,B,B",
            "Where the model's states are taken: b is what enters layer b. Default: 2, half the layers, and the layers less 3."),
        Dtype = CommandRunner.Option<string?>("--dtype", "bf16|f32", "What the head is stored in. Default: bf16.");

    public static readonly Option<string>
        Out = CommandRunner.Option<string>(
            "--out", "DIR", "Where the head is written, and while it is trained what is needed to go on.", required: true);

    public static readonly Option<string[]>
        Data = Many("--data", "FILE…",
            "Conversations: OpenAI chats as JSON lines (.jsonl, .jsonl.gz), token segments (.seg.gz), or a file of \"agentic cache export\"."),
        HeldOut = Many("--held-out", "FILE…", "Conversations to measure on. Default: every twentieth of the data, a hundred at most."),
        Tenant = Many("--tenant", "NAME", "Of a server's store, only what this tenant's requests left."),
        Regenerate = Many("--regenerate", "T…",
            "Let the model answer the conversations itself, once at each of these temperatures, and learn that.");

    public static readonly Option<int?>
        VocabularySize = CommandRunner.Option<int?>(
            "--draft-vocabulary", "N", "Tokens the head can propose, the most written. Default: those of 99.9 % of the answers."),
        Intermediate = CommandRunner.Option<int?>("--intermediate", "N", "Width of the head's MLP. Default: the model's."),
        DraftSteps = CommandRunner.Option<int?>("--draft-steps", "N", "Draft steps that are trained. Default: 4."),
        Batch = CommandRunner.Option<int?>("--batch", "N", "Conversations of an optimizer step. Default: 8."),
        MaxTokens = CommandRunner.Option<int?>("--max-tokens", "N", "Tokens of a conversation; the rest is left out. Default: 2048."),
        EvaluateEvery = CommandRunner.Option<int?>(
            "--evaluate-every", "N", "Optimizer steps between evaluations. Default: a twentieth of all."),
        Patience = CommandRunner.Option<int?>("--patience", "N", "Evaluations without a gain after which training ends. Default: 5."),
        Seed = CommandRunner.Option<int?>("--seed", "N", "Of weights and order. Default: 1."),
        Threads = CommandRunner.Option<int?>("--threads", "N", "Threads that compute. Default: one a core.");

    public static readonly Option<double?>
        Epochs = CommandRunner.Option<double?>("--epochs", "N", "Times the conversations are gone through. Default: 4."),
        LearningRate = CommandRunner.Option<double?>("--learning-rate", "R", "The highest. Default: by the model's width, 0.001 to 0.0001.");

    public static readonly Option<bool>
        Resume = new("--resume") { Description = "Go on where a training into the same directory stopped; give the same options." },
        VocabularyOnly = new("--vocabulary-only")
        {
            Description = "Train nothing: write the tokens that a head may propose which scores with the model's own matrix (EAGLE-1, EAGLE-2, "
                + "HASS), beside that head if --out names its directory.",
        };

    /// <summary>In the order in which help shows them.</summary>
    public static IReadOnlyList<Option> All { get; } =
    [
        Model, Data, HeldOut, DataDirectory, Redis, Tenant, Regenerate, Out, Resume, Layout, Dtype, VocabularySize, VocabularyOnly,
        Intermediate, Boundaries, DraftSteps, Epochs, Batch, LearningRate, MaxTokens, EvaluateEvery, Patience, Seed, Threads,
    ];

    /// <summary>How the head is made and trained.</summary>
    /// <exception cref="CommandException">A value cannot be used.</exception>
    public static EagleTrainingOptions Training(ParseResult parsed, Transformer target)
    {
        int[]? boundaries = parsed.GetValue(Boundaries)?.Split(',').Select(text =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int boundary)
                ? boundary
                : throw new CommandException($"boundaries: '{text}' is no number; write them as 2,4,5")).ToArray();
        EagleTrainingOptions defaults = new();
        return defaults with
        {
            Layout = parsed.GetValue(Layout) == "speculators" ? HeadLayout.Speculators : HeadLayout.SafeAILab,
            BFloat16 = parsed.GetValue(Dtype) != "f32",
            IntermediateSize = Positive(parsed, Intermediate),
            Boundaries = boundaries,
            DraftSteps = Positive(parsed, DraftSteps) ?? defaults.DraftSteps,
            Epochs = Positive(parsed, Epochs) ?? defaults.Epochs,
            BatchSequences = Positive(parsed, Batch) ?? defaults.BatchSequences,
            LearningRate = Positive(parsed, LearningRate),
            EvaluationSteps = Positive(parsed, EvaluateEvery),
            Patience = Positive(parsed, Patience) ?? defaults.Patience,
            MaxTokens = Math.Min(Positive(parsed, MaxTokens) ?? defaults.MaxTokens, target.MaxPositions),
            Seed = parsed.GetValue(Seed) ?? defaults.Seed,
        };
    }

    /// <exception cref="CommandException">It is none.</exception>
    public static float Temperature(string text) =>
        float.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out float temperature)
            && temperature is >= 0 and <= 2
            ? temperature
            : throw new CommandException($"regenerate: '{text}' is no temperature; give one from 0 to 2");

    /// <summary>A number above 0, or null where none was given.</summary>
    /// <exception cref="CommandException">It is not above 0.</exception>
    public static T? Positive<T>(ParseResult parsed, Option<T?> option)
        where T : struct, INumber<T> =>
        parsed.GetValue(option) is T value && value <= T.Zero
            ? throw new CommandException($"{option.Name.TrimStart('-')}: {value} is not above 0")
            : parsed.GetValue(option);
    private static Option<string[]> Many(string name, string takes, string help) =>
        new(name) { HelpName = takes, Description = help, AllowMultipleArgumentsPerToken = true };
}
