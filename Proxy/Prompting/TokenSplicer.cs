using System.Text;

namespace Agentic.Proxy;

/// <summary>Exchanges the tokens of stretches of a text for other tokens that spell the same bytes.</summary>
internal sealed class TokenSplicer
{
    private readonly ITextCodec _codec;
    private readonly string _text;
    private readonly byte[] _bytes;
    private readonly int[] _plain;
    private readonly int[] _starts;   // [tokens + 1]: where in _bytes each token begins
    private readonly List<int> _result = [];
    private int _token;               // first plain token not yet passed on
    private int _char, _byte;         // the same place in _text and _bytes, for turning one into the other

    private TokenSplicer(ITextCodec codec, string text, byte[] bytes, int[] plain, int[] starts)
    {
        (_codec, _text, _bytes, _plain, _starts) = (codec, text, bytes, plain, starts);
    }

    /// <summary>Finds where each token begins; null if the tokens do not spell the text, as under a tokenizer that normalises.</summary>
    public static TokenSplicer? Align(ITextCodec codec, string text, int[] ids)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return Offsets(codec, bytes, ids) is int[] starts ? new TokenSplicer(codec, text, bytes, ids, starts) : null;
    }

    /// <summary>[tokens + 1] where in the bytes each token begins, or null if the tokens do not spell them.</summary>
    public static int[]? Offsets(ITextCodec codec, ReadOnlySpan<byte> bytes, int[] ids)
    {
        int[] starts = new int[ids.Length + 1];
        for (int i = 0; i < ids.Length; i++)
        {
            int length = SpelledLength(codec.TokenBytes(ids[i]), bytes[starts[i]..]);
            if (length < 0)
                return null;
            starts[i + 1] = starts[i] + length;
        }

        return starts[^1] == bytes.Length ? starts : null;
    }

    /// <summary>Puts <paramref name="ids"/> in the place of the tokens of a stretch, after every stretch given before.</summary>
    /// <returns>False, with nothing changed, where the ids do not spell the stretch or its surroundings cannot be encoded apart.</returns>
    public bool Replace(int start, string stretch, int[] ids)
    {
        int from = ByteOffset(start), to = ByteOffset(start + stretch.Length);
        int first = Index(from, roundUp: false), next = Index(to, roundUp: true);
        if (first < _token || !Spells(ids, from, to)
            || Fragment(_starts[first], from) is not { } before || Fragment(to, _starts[next]) is not { } after)
            return false;
        _result.AddRange(_plain.AsSpan(_token..first));
        _result.AddRange(before);
        _result.AddRange(ids);
        _result.AddRange(after);
        _token = next;
        return true;
    }

    /// <summary>The tokens of the whole text.</summary>
    public int[] Finish() => [.. _result, .. _plain.AsSpan(_token)];

    /// <summary>Tokens of a few bytes between a stretch and the next plain token, or null if they are no text of their own.</summary>
    private int[]? Fragment(int from, int to)
    {
        if (from == to)
            return [];
        string text = Encoding.UTF8.GetString(_bytes.AsSpan(from..to));
        int[] ids = _codec.Encode(text, addSpecialTokens: false);
        return Spells(ids, from, to) ? ids : null;
    }

    private bool Spells(int[] ids, int from, int to)
    {
        foreach (int id in ids)
        {
            int length = SpelledLength(_codec.TokenBytes(id), _bytes.AsSpan(from..to));
            if (length < 0)
                return false;
            from += length;
        }

        return from == to;
    }

    /// <summary>Bytes of the text that a token stands for, or −1. A word-start token of SentencePiece may carry a space the text does
    /// not have.</summary>
    private static int SpelledLength(ReadOnlySpan<byte> token, ReadOnlySpan<byte> text)
    {
        if (text.StartsWith(token))
            return token.Length;
        return token.Length > 0 && token[0] == ' ' && text.StartsWith(token[1..]) ? token.Length - 1 : -1;
    }

    private int Index(int offset, bool roundUp)
    {
        int index = Array.BinarySearch(_starts, offset);
        if (index >= 0)
            return index;
        return roundUp ? ~index : ~index - 1;
    }

    private int ByteOffset(int character)
    {
        if (character < _char)
            (_char, _byte) = (0, 0);
        _byte += Encoding.UTF8.GetByteCount(_text.AsSpan(_char..character));
        _char = character;
        return _byte;
    }
}
