using Microsoft.ML.Tokenizers;

namespace Agentic.ModelRuntime;

/// <summary>The unigram model of Microsoft.ML.Tokenizers, white space and normalization included; its ids are wrong where a model has bytes for
/// characters that it does not know (2.0.1).</summary>
internal sealed class LibraryUnigramModel : ITokenModel
{
    private readonly SentencePieceTokenizer _tokenizer;

    /// <exception cref="FormatException">The model is damaged.</exception>
    public LibraryUnigramModel(byte[] model)
    {
        using MemoryStream stream = new(model);
        try
        {
            _tokenizer = SentencePieceTokenizer.Create(stream, addBeginningOfSentence: false, addEndOfSentence: false);
        }
        catch (Exception error) // whatever it is that the package meets in a damaged model, null references among them
        {
            throw new FormatException(error.Message, error);
        }
    }

    public void Encode(ReadOnlySpan<char> piece, List<int> ids) => ids.AddRange(_tokenizer.EncodeToIds(piece, false, false));
}
