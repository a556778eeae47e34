using System.Text.Json.Nodes;
using Agentic.Kernels;
using Agentic.ModelRuntime;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>The bundled head belongs to the bundled model: on what a reference implementation decoded greedily, on tasks never trained on.</summary>
public sealed class BundledHeadTests
{
    [Fact]
    public void ModelsOwnText_IsDraftedFarAhead()
    {
        string model = Path.Combine(TestFiles.Root, "models", BundledModel.Name), head = model + "-eagle3";
        TrainingSequence[] texts = [.. File.ReadLines(Path.Combine(model, "greedy.jsonl")).Select(line => Sequence(JsonNode.Parse(line)!))];
        int longest = texts.Max(text => text.Tokens.Length);
        using var kernels = new CpuKernels();
        using Transformer target = Transformer.Load(model, new ModelOptions(), kernels);
        JsonNode training = JsonNode.Parse(File.ReadAllText(Path.Combine(head, "training.json")))!;
        Assert.SkipUnless(
            (string?)training["model"] == target.Fingerprint,
            $"The head was trained for other weights than {target.Fingerprint}; models/agentic-tiny-eagle3/train.sh trains one for these.");
        target.AllocateKv(TargetReader.BlocksFor(target, longest));
        int[] boundaries = EagleConfig.Read(Path.Combine(head, "config.json"), target.Config).Boundaries;
        using TargetReader reader = new(target, kernels, boundaries, DraftVocabulary.Choose([], target.VocabularySize, 1), longest);
        using ChainMeter meter = new(head, target, kernels, depths: 8, longest);

        var acceptance = ChainAcceptance.None(8);
        foreach (TrainingSequence text in texts)
        {
            reader.Read(text, statesOnly: true);
            acceptance = acceptance.And(meter.Measure(text, reader));
        }

        string figures = $"{acceptance.Length:0.00}, {string.Join(' ', acceptance.ByDepth.Select(share => share.ToString("0.000")))}";
        Assert.True(acceptance.ByDepth[0] >= 0.8 && acceptance.Length >= 3, figures);
    }

    private static TrainingSequence Sequence(JsonNode line)
    {
        int[] prompt = Ids("prompt_ids"), output = Ids("output_ids");
        return new TrainingSequence([.. prompt, .. output], [.. new bool[prompt.Length], .. Enumerable.Repeat(true, output.Length)]);

        int[] Ids(string name) => [.. line[name]!.AsArray().Select(id => (int)id!)];
    }
}
