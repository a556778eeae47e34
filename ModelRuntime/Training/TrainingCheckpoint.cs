using System.Text.Json;

namespace Agentic.ModelRuntime;

/// <summary>Where training stands beside its tensors.</summary>
/// <param name="Step">Optimizer steps done.</param>
/// <param name="BestLength">Best held-out acceptance length.</param>
/// <param name="BestStep">Its step.</param>
/// <param name="Stale">Evaluations since.</param>
/// <param name="Settings">What made it.</param>
internal sealed record TrainingState(int Step, double BestLength, int BestStep, int Stale, string Settings);

/// <summary>All that a training needs to go on as if it had not stopped: weights and Adam's means in float32, and the state.</summary>
internal static class TrainingCheckpoint
{
    private const string FileName = "training.safetensors", Key = "agentic_training";

    public static bool Exists(string directory) => File.Exists(Path.Combine(directory, FileName));

    public static void Save(string directory, TorchHead head, Adam adam, TrainingState state)
    {
        Directory.CreateDirectory(directory);
        SafetensorsWriter.Write(
            Path.Combine(directory, FileName),
            head.Parameters.Concat(adam.State).Select(pair => TorchTensors.Save(pair.Key, pair.Value, bfloat16: false)),
            new Dictionary<string, string> { [Key] = JsonSerializer.Serialize(state) });
    }

    /// <exception cref="ModelLoadException">The file is damaged, or of a training with other options.</exception>
    public static TrainingState Load(string directory, TorchHead head, Adam adam, string settings)
    {
        string path = Path.Combine(directory, FileName);
        TrainingState state = SafetensorsWriter.ReadMetadata(path).TryGetValue(Key, out string? json)
            ? JsonSerializer.Deserialize<TrainingState>(json)!
            : throw new ModelLoadException($"{path} is no checkpoint of a training");
        if (state.Settings != settings)
            throw new ModelLoadException($"{path} was made with other data or options: {state.Settings}; now they are {settings}");
        using TensorFile file = TensorFile.Open(path);
        TorchTensors.Load(file, head.Parameters.Concat(adam.State));
        return state;
    }
}
