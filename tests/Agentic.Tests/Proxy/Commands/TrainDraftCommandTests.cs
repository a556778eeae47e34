using System.Diagnostics;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;
using Agentic.Proxy;
using Agentic.SuffixCache;
using TokenKind = Agentic.SuffixCache.TokenKind;

namespace Agentic.Tests;

/// <summary><c>agentic train-draft</c> as a child process.</summary>
public sealed class TrainDraftCommandTests : IDisposable
{
    private const string NoTorch = "libtorch is not here (AGENTIC_LIBTORCH names its folder)";
    private const int Terminate = 15;   // a test run in the background of a shell has SIGINT ignored, and so would what it starts
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private readonly TemporaryDirectory _directory = new();

    public static bool HasTorch => TorchTests.HasTorch;

    private static string Model => TestFiles.Golden("heads", "target-llama");

    private string Out => _directory["head"];

    public void Dispose() => _directory.Dispose();

    [Theory(Skip = NoTorch, SkipUnless = nameof(HasTorch))]
    [InlineData("safeailab", "0")]
    [InlineData("speculators", "0", "1")]
    public async Task Conversations_BecomeAHeadOfTheModel(string layout, params string[] temperatures)
    {
        AgenticProcess.Result result = await RunAsync(
        [
            "--data", Segments(60), "--layout", layout, "--regenerate", .. temperatures, "--epochs", "1", "--intermediate", "40",
            "--draft-vocabulary", "150",
        ]);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains("tokens a step, by depth", result.Output, StringComparison.Ordinal);
        Assert.Equal(["config.json", "model.safetensors", "training.json"], Directory.GetFileSystemEntries(Out).Select(Path.GetFileName).Order());
        JsonNode figures = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Out, "training.json"), TestContext.Current.CancellationToken))!;
        Assert.InRange((double)figures["held_out"]!["length"]!, 1, 9);
        using var kernels = new Kernels.CpuKernels(1);
        using Transformer target = Transformer.Load(Model, new ModelOptions(), kernels);
        using EagleHead head = EagleHead.Load(Out, target, kernels);
        bool normed = head.Config.NormEachState && head.Config.FeedBackNormed;
        Assert.Equal((150, layout == "speculators"), (head.Config.DraftVocabularySize, normed));
        Assert.Equal([2, 4, 5], head.Config.Boundaries);
    }

    [Fact(Skip = NoTorch, SkipUnless = nameof(HasTorch))]
    public async Task Interrupted_IsResumedToItsEnd()
    {
        string[] options = ["--data", Segments(40), "--epochs", "40", "--evaluate-every", "4", "--patience", "1000", "--threads", "1"];
        using Process process = AgenticProcess.Start(null, ["train-draft", "--model", Model, "--out", Out, .. options]);
        string checkpoint = Path.Combine(EagleTrainer.CheckpointIn(Out), "training.safetensors");
        for (var waited = Stopwatch.StartNew(); !File.Exists(checkpoint) && !process.HasExited && waited.Elapsed < Patience;)
            await Task.Delay(20, TestContext.Current.CancellationToken);
        Assert.Equal(0, Kill(process.Id, Terminate));
        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Patience, TestContext.Current.CancellationToken);

        Assert.Equal(130, process.ExitCode);
        Assert.Contains("--resume", await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        (await RunAsync(options)).AssertOneLine("not empty", "--resume");
        (await RunAsync([.. options, "--resume", "--learning-rate", "0.5"])).AssertOneLine("other data or options");
        AgenticProcess.Result resumed = await RunAsync([.. options, "--resume"]);
        Assert.Equal((0, ""), (resumed.ExitCode, resumed.Error));
        Assert.Contains("the head is in", resumed.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("step 4 of", resumed.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(EagleTrainer.CheckpointIn(Out)));
        (await RunAsync([.. options, "--resume"])).AssertOneLine("no training that stopped");
    }

    [Fact]
    public async Task WithoutLibtorch_SaysInOneLineHowToGetIt()
    {
        Dictionary<string, string> nowhere = new() { ["HOME"] = _directory.Path, ["NUGET_PACKAGES"] = _directory.Path, ["LD_LIBRARY_PATH"] = "" };
        (await AgenticProcess.RunAsync(nowhere, "train-draft", "--model", Model, "--data", Segments(4), "--out", Out))
            .AssertOneLine("libtorch", "-p:Torch=true", TorchLocator.Variable);
    }

    [Fact]
    public async Task WhatCannotBeDone_IsOneLineThatSaysWhy()
    {
        string data = Segments(4), unanswered = Segments(4, answers: false), foreign = Segments(2, firstToken: 400);

        (await RunAsync()).AssertOneLine("--data", "--data-dir");
        (await RunAsync("--data", data, "--data-dir", _directory.Path)).AssertOneLine("not from both");
        (await RunAsync("--data", unanswered)).AssertOneLine("no conversation has an answer");
        (await RunAsync("--data", foreign)).AssertOneLine(Path.GetFileName(foreign), "another model's tokens");
        (await RunAsync("--data", _directory["none.jsonl"])).AssertOneLine("none.jsonl");
        (await RunAsync("--data", data, "--draft-vocabulary", "321")).AssertOneLine("draft-vocabulary", "321", "320");
        (await RunAsync("--data", data, "--boundaries", "2,9")).AssertOneLine("boundaries", "8 layers");
        (await RunAsync("--data", data, "--regenerate", "hot")).AssertOneLine("regenerate", "hot");
        (await RunAsync("--data", data, "--epochs", "0")).AssertOneLine("epochs", "above 0");
        (await RunAsync("--data", data, "--resume")).AssertOneLine("resume", "no training");
        Directory.CreateDirectory(Out);
        await File.WriteAllTextAsync(Path.Combine(Out, "notes.txt"), "mine", TestContext.Current.CancellationToken);
        (await RunAsync("--data", data)).AssertOneLine("out", "not empty");
    }

    [Fact]
    public async Task ServedTraffic_GivesAVocabularyWithoutTraining()
    {
        byte[] secret = ServerSecret.Load(_directory["server"]);
        using (var kernels = new Kernels.CpuKernels(1))
        using (Transformer target = Transformer.Load(Served, new ModelOptions(), kernels))
        using (EmbeddedGarnet garnet = EmbeddedGarnet.Start(ServeOptions.StoreIn(_directory["server"])))
        {
            string tokenizer = new TokenizerCodec(Tokenizer.Load(Served)).Fingerprint;
            var mine = NamespaceKey.Derive(secret, "default", target.Fingerprint, tokenizer);
            var other = NamespaceKey.Derive(secret, "default", "another model", tokenizer);
            await using var store = new RedisSequenceStore(new SequenceStoreOptions { Redis = garnet.ConnectionString });
            await store.AppendAsync(Sequence(mine, [50, 50, 50], [7, 7, 5, 5, 9]), TestContext.Current.CancellationToken);
            await store.AppendAsync(Sequence(other, [1], [11, 11, 11, 11, 11]), TestContext.Current.CancellationToken);
            await store.FlushAsync(TestContext.Current.CancellationToken);
        }

        string[] options = ["train-draft", "--model", Served, "--out", Out, "--vocabulary-only", "--draft-vocabulary", "2"];
        AgenticProcess.Result all = await AgenticProcess.RunAsync([.. options, "--data-dir", _directory["server"]]);
        AgenticProcess.Result none = await AgenticProcess.RunAsync([.. options, "--data-dir", _directory["server"], "--tenant", "nobody"]);
        AgenticProcess.Result nowhere = await AgenticProcess.RunAsync([.. options, "--data-dir", _directory["elsewhere"]]);

        Assert.Equal((0, ""), (all.ExitCode, all.Error));
        Assert.Contains("80.00 %", all.Output, StringComparison.Ordinal);
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(Out, DraftVocabulary.FileName));
        Assert.Equal([2], file.Entries["d2t"].Shape);
        none.AssertOneLine("no conversation");
        nowhere.AssertOneLine("secret");
    }

    [Fact]
    public async Task ExportOfSeveralModels_IsRefused_OfOneIsRead()
    {
        var one = NamespaceKey.Derive([1], "default", "m", "t");
        string single = Export("one.agseq", Sequence(one, [3, 3], [7, 7])),
            several = Export("two.agseq", Sequence(one, [3], [7]), Sequence(NamespaceKey.Derive([1], "default", "n", "t"), [3], [8]));

        Assert.Contains("1 of 320 tokens, 100.00 %",
            (await RunAsync("--data", single, "--vocabulary-only", "--draft-vocabulary", "1")).Output, StringComparison.Ordinal);
        (await RunAsync("--data", several, "--vocabulary-only")).AssertOneLine("two.agseq", "more than one model", "--namespace");
    }

    private static string Served => Path.Combine(TestFiles.Root, "models", BundledModel.Name);

    private Task<AgenticProcess.Result> RunAsync(params string[] options) =>
        AgenticProcess.RunAsync(["train-draft", "--model", Model, "--out", Out, .. options]);

    /// <summary>Conversations as token segments: a question and an answer each, of few different tokens.</summary>
    private string Segments(int conversations, bool answers = true, int firstToken = 10)
    {
        string path = _directory[$"{conversations}-{answers}-{firstToken}.seg.gz"];
        using var stream = new BinaryWriter(new GZipStream(File.Create(path), CompressionLevel.Fastest));
        var random = new Random(1);
        stream.Write("SEG1"u8);
        for (int i = 0; i < conversations; i++)
        {
            stream.Write(2);
            for (int kind = 0; kind < 2; kind++)
            {
                stream.Write(answers ? kind : 0);
                stream.Write(12);
                for (int token = 0; token < 12; token++)
                    stream.Write(firstToken + random.Next(12));
            }
        }

        return path;
    }

    private string Export(string name, params StoredSequence[] sequences)
    {
        using FileStream stream = File.Create(_directory[name]);
        using SequenceFileWriter writer = new(stream);
        foreach (StoredSequence sequence in sequences)
            writer.Add(sequence);
        writer.Complete();
        return _directory[name];
    }

    private static StoredSequence Sequence(NamespaceKey key, int[] prompt, int[] output) =>
        new(key, (int[])[.. prompt, .. output]) { Runs = [new(TokenKind.Prompt, prompt.Length), new(TokenKind.Output, output.Length)] };

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}
