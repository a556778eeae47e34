using Microsoft.ML.Tokenizers;

namespace Agentic.ModelRuntime;

/// <summary>The unigram model of Microsoft.ML.Tokenizers, white space and normalization included.</summary>
internal sealed class UnigramModel : ITokenModel
{
    private readonly SentencePieceTokenizer _tokenizer;

    /// <exception cref="FormatException">The model is damaged.</exception>
    public UnigramModel(byte[] model)
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
