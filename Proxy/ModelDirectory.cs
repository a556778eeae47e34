using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>What the endpoints need of a checkpoint directory, beside its weights.</summary>
internal static class ModelDirectory
{
    /// <summary>Reads tokenizer, chat template and generation defaults, and puts an engine behind them.</summary>
    /// <param name="directory">A Hugging Face checkpoint's.</param>
    /// <param name="name">What clients call the model.</param>
    /// <param name="fingerprint">Of the weights.</param>
    /// <param name="contextTokens">Most tokens of prompt and answer together.</param>
    /// <param name="engine">Where requests are generated.</param>
    /// <exception cref="ModelLoadException">A file is absent or cannot be used.</exception>
    public static ServedModel Open(string directory, string name, string fingerprint, int contextTokens, IInferenceEngine engine)
    {
        Tokenizer tokenizer = Tokenizer.Load(directory);
        GenerationConfig generation = GenerationConfig.Read(directory);
        return new ServedModel
        {
            Name = name,
            Created = File.GetLastWriteTimeUtc(Path.Combine(directory, "config.json")),
            Codec = new TokenizerCodec(tokenizer),
            Template = ChatTemplate.Find(directory),
            Defaults = ServedModel.DefaultsOf(generation),
            EndTokenIds = generation.EosTokenIds.Count > 0 ? generation.EosTokenIds : tokenizer.EndId is int end ? [end] : [],
            MaxContextTokens = contextTokens,
            Engine = engine,
            Fingerprint = fingerprint,
        };
    }
}
