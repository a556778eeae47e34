namespace Agentic.ModelRuntime;

/// <summary>Turns token ids into text one at a time. The texts of all ids and of <see cref="Flush"/> together are what
/// <see cref="Tokenizer.Decode"/> gives for them, however they are split.</summary>
/// <remarks>
/// Text comes out once nothing that follows can change it: a character whose bytes are spread over tokens comes with the last of them,
/// and a run of single-byte tokens when it ends, because one wrong byte spoils the whole run. Constant time a token, amortised.
/// Not for concurrent use.
/// </remarks>
public sealed class StreamingDecoder
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly TextSink _sink = new();
    private DecodeStage _stages;

    /// <summary>Starts a text.</summary>
    public StreamingDecoder(Tokenizer tokenizer, bool skipSpecialTokens)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        _skipSpecialTokens = skipSpecialTokens;
        _stages = tokenizer.BeginDecoding(_sink);
    }

    /// <summary>Takes the next token and gives the text that is now certain, which may be empty.</summary>
    /// <param name="id">An id without a token adds nothing, as in the reference.</param>
    public string Append(int id)
    {
        Push(id);
        return _sink.Take();
    }

    /// <summary>Ends the text and gives the rest of it. The next id begins another text.</summary>
    public string Flush()
    {
        _stages.Complete();
        _stages = _tokenizer.BeginDecoding(_sink);
        return _sink.Take();
    }

    internal void Push(int id)
    {
        if (_tokenizer.Token(id) is not string token || (_skipSpecialTokens && _tokenizer.IsSpecial(id)))
            return;
        _stages.Text(token);
        _stages.EndToken();
    }
}
