using System.Text;
using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>Refuses texts that no tokenizing can make fit, without tokenizing them, and others when enough of their tokens are known: a
/// megabyte takes a second and a hundred megabytes.</summary>
/// <param name="codec">The model's.</param>
/// <param name="mostTokens">Of the context.</param>
internal sealed class PromptLimit(ITextCodec codec, int mostTokens)
{
    /// <summary>Looks at a text that is to be tokenized.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="param">The field it came in.</param>
    /// <exception cref="ApiException">400: it is longer than the context, however its tokens fall.</exception>
    public void Check(string text, string param)
    {
        if (text.Length > mostTokens)
            Check(Encoding.UTF8.GetByteCount(text), param);
    }

    /// <summary>Looks at messages that are to be rendered, which takes as long: at what a template leaves in. It may drop what the model
    /// thought, and blanks around a text.</summary>
    /// <exception cref="ApiException">400: they are longer than the context, however their tokens fall.</exception>
    public void Check(IReadOnlyList<JsonObject> messages) => Check(
        messages.Where(message => (string?)message["role"] != "assistant")
            .Sum(message => (long)Encoding.UTF8.GetByteCount(ChatMessages.TextOf(message["content"]).AsSpan().Trim())),
        "messages");

    /// <summary>Tokenizes a text.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="param">The field it came in.</param>
    /// <param name="addSpecialTokens">Whether the tokenizer adds what it adds to a bare prompt.</param>
    /// <exception cref="ApiException">400: it has more than twice the context's tokens. One that is less too long is let through: its
    /// caller can say how long it is, and answers in it may come out shorter than the tokenizer spells them.</exception>
    public int[] Encode(string text, string param, bool addSpecialTokens)
    {
        Check(text, param);
        int enough = (int)Math.Min(2L * mostTokens, int.MaxValue);
        int[] ids = codec.Encode(text, addSpecialTokens, enough);
        return ids.Length <= enough ? ids : throw ApiException.TooLong(mostTokens, ids.Length, param, isExact: false);
    }

    private void Check(long bytes, string param)
    {
        if (bytes <= mostTokens || codec.MostBytesPerToken is not { } most)
            return;
        long leastTokens = (bytes + most - 1) / most;
        if (leastTokens > mostTokens)
            throw ApiException.TooLong(mostTokens, leastTokens, param, isExact: false);
    }
}
