namespace Agentic.Proxy;

/// <summary>What the proxy needs of a model's tokenizer.</summary>
internal interface ITextCodec
{
    /// <summary>Token ids 0 … this − 1 exist.</summary>
    int VocabularySize { get; }

    /// <summary>The same ids mean the same text only under the same fingerprint.</summary>
    string Fingerprint { get; }

    /// <summary>Bytes of UTF-8 of which a text has at most so many for each of its tokens; null where there is no such bound.</summary>
    int? MostBytesPerToken { get; }

    /// <summary>Token ids of a text; special tokens spelled in it are recognised.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="addSpecialTokens">Whether the tokenizer adds what it adds to a bare prompt, such as a beginning-of-text token.</param>
    /// <param name="enough">The text's rest may be left out once there are more than so many.</param>
    int[] Encode(string text, bool addSpecialTokens, int enough = int.MaxValue);

    /// <summary>The UTF-8 bytes a token stands for, perhaps only a part of a character.</summary>
    ReadOnlySpan<byte> TokenBytes(int id);

    /// <summary>Whether a token is markup that readers do not see.</summary>
    bool IsSpecial(int id);

    /// <summary>A decoder that eats one token at a time.</summary>
    IStreamingDecoder CreateDecoder();
}

/// <summary>Turns tokens into text that never shows half a character.</summary>
internal interface IStreamingDecoder
{
    /// <summary>The text that became complete with this token; perhaps empty.</summary>
    string Push(int tokenId);

    /// <summary>What is left at the end, with U+FFFD for what never became a character.</summary>
    string Flush();
}
