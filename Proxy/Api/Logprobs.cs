using System.Text;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>Writes tokens' log-probabilities in the forms of the two APIs.</summary>
internal sealed class Logprobs(ITextCodec codec)
{
    private const float Impossible = -9999;   // JSON has no −∞
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public ChatLogprobs Chat(IEnumerable<ScoredToken> tokens) => new([.. tokens.Select(Chat)], null);

    /// <param name="tokens">In order.</param>
    /// <param name="offset">Where the first begins; moved to where the last ends.</param>
    public CompletionLogprobs Completion(IReadOnlyList<ScoredToken> tokens, ref int offset)
    {
        int[] offsets = new int[tokens.Count];
        for (int i = 0; i < tokens.Count; i++)
        {
            offsets[i] = offset;
            if (!codec.IsSpecial(tokens[i].Id))   // markup is not part of the text
                offset += Encoding.UTF8.GetCharCount(codec.TokenBytes(tokens[i].Id));
        }

        return new([.. tokens.Select(token => Text(token.Id, "bytes:"))],
            [.. tokens.Select(token => token.Logprobs is { } own ? Finite(own.Logprob) : (float?)null)],
            [.. tokens.Select(Top)], offsets);
    }

    private TokenLogprob Chat(ScoredToken token)
    {
        TokenLogprobs logprobs = token.Logprobs!;   // of an answer every token follows something
        List<TopLogprob> top = [.. logprobs.Top.Select(other => new TopLogprob(Text(other.TokenId, ""), Finite(other.Logprob),
            Bytes(other.TokenId)))];
        float own = Finite(logprobs.Logprob);
        if (top.Count > 0 && !logprobs.Top.Any(other => other.TokenId == token.Id))
            top.Add(new TopLogprob(Text(token.Id, ""), own, Bytes(token.Id)));
        return new(Text(token.Id, ""), own, Bytes(token.Id), top);
    }

    private Dictionary<string, float>? Top(ScoredToken token)
    {
        if (token.Logprobs is not { } logprobs)
            return null;
        Dictionary<string, float> top = [];
        foreach ((int id, float logprob) in logprobs.Top.Append((token.Id, logprobs.Logprob)))
            top.TryAdd(Text(id, "bytes:"), Finite(logprob));   // of two spelled alike the likelier
        return top;
    }

    private int[] Bytes(int id) => [.. codec.TokenBytes(id)];

    private string Text(int id, string prefix)
    {
        ReadOnlySpan<byte> bytes = codec.TokenBytes(id);
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)   // a part of a character
        {
            StringBuilder escaped = new(prefix);
            foreach (byte b in bytes)
                escaped.Append("\\x").Append(Convert.ToHexStringLower([b]));
            return escaped.ToString();
        }
    }

    private static float Finite(float logprob) => float.IsFinite(logprob) ? logprob : Impossible;
}
