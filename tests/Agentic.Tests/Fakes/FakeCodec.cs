using System.Text;
using Agentic.Proxy;

namespace Agentic.Tests;

/// <summary>A tokenizer whose first 256 tokens are the bytes, then a few words, then markup. Takes the longest token that fits.</summary>
internal sealed class FakeCodec : ITextCodec
{
    public const int End = 300, User = 301, Assistant = 302, System = 303, Tool = 304, OpenCall = 305, CloseCall = 306, FimPrefix = 307;

    private static readonly string[] Words = ["Hello", " world", "the ", "{\"", "\": \"", "name", "arguments", "\"}", "\n\n", "<tool_", "call>"];
    private static readonly string[] Markup = ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|tool|>", "<tool_call>", "</tool_call>",
        "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"];

    private readonly byte[][] _tokens;

    /// <param name="callMarkersAreSpecial">Whether the markers of calls are single special tokens.</param>
    /// <param name="fillsInTheMiddle">Whether there are markers of a prompt and a suffix as well.</param>
    public FakeCodec(bool callMarkersAreSpecial = false, bool fillsInTheMiddle = false)
    {
        _tokens = new byte[fillsInTheMiddle ? End + Markup.Length : callMarkersAreSpecial ? CloseCall + 1 : OpenCall][];
        for (int id = 0; id < _tokens.Length; id++)
            _tokens[id] = id < 256 ? [(byte)id] : id < 256 + Words.Length ? Encoding.UTF8.GetBytes(Words[id - 256])
                : id >= End ? Encoding.UTF8.GetBytes(Markup[id - End]) : [];
    }

    public int VocabularySize => _tokens.Length;

    public string Fingerprint => "fake";

    public int? MostBytesPerToken => _tokens.Max(token => token.Length);

    public static int Byte(char c) => c;

    /// <summary>A text spelled in bytes, whatever tokens there are.</summary>
    public static int[] Bytes(string text) => [.. Encoding.UTF8.GetBytes(text)];

    /// <summary>A text spelled in bytes, and the end.</summary>
    public static int[] Ended(string text) => [.. Bytes(text), End];

    public int[] Encode(string text, bool addSpecialTokens, int enough = int.MaxValue)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        List<int> ids = [];
        for (int at = 0; at < bytes.Length && ids.Count <= enough;)
        {
            int best = bytes[at];
            for (int id = 256; id < _tokens.Length; id++)
            {
                if (_tokens[id].Length > _tokens[best].Length && bytes.AsSpan(at).StartsWith(_tokens[id]))
                    best = id;
            }

            ids.Add(best);
            at += _tokens[best].Length;
        }

        return [.. ids];
    }

    public ReadOnlySpan<byte> TokenBytes(int id) => _tokens[id];

    public bool IsSpecial(int id) => id >= End;

    public string TextOf(IEnumerable<int> ids) => Encoding.UTF8.GetString([.. ids.SelectMany(id => _tokens[id])]);

    public IStreamingDecoder CreateDecoder() => new Decoder(this);

    private sealed class Decoder(FakeCodec codec) : IStreamingDecoder
    {
        private readonly System.Text.Decoder _utf8 = Encoding.UTF8.GetDecoder();

        public string Push(int tokenId) => Convert(codec._tokens[tokenId], flush: false);

        public string Flush() => Convert([], flush: true);

        private string Convert(byte[] bytes, bool flush)
        {
            char[] text = new char[bytes.Length + 4];
            int count = _utf8.GetChars(bytes, text, flush);
            return new string(text, 0, count);
        }
    }
}
