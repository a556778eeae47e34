using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>A checkpoint's tokenizer, as the proxy needs it.</summary>
internal sealed class TokenizerCodec(Tokenizer tokenizer) : ITextCodec
{
    /// <inheritdoc/>
    public int VocabularySize => tokenizer.VocabularySize;

    /// <inheritdoc/>
    public string Fingerprint => tokenizer.Fingerprint;

    /// <inheritdoc/>
    public int? MostBytesPerToken => tokenizer.MostBytesPerToken;

    /// <inheritdoc/>
    public int[] Encode(string text, bool addSpecialTokens, int enough = int.MaxValue) => tokenizer.Encode(text, addSpecialTokens, enough);

    /// <inheritdoc/>
    public ReadOnlySpan<byte> TokenBytes(int id) => tokenizer.TokenBytes(id);

    /// <inheritdoc/>
    public bool IsSpecial(int id) => tokenizer.IsSpecial(id);

    /// <inheritdoc/>
    public IStreamingDecoder CreateDecoder() => new Decoder(new StreamingDecoder(tokenizer, skipSpecialTokens: true));

    private sealed class Decoder(StreamingDecoder decoder) : IStreamingDecoder
    {
        public string Push(int tokenId) => decoder.Append(tokenId);

        public string Flush() => decoder.Flush();
    }
}
