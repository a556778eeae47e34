using System.Text;

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
            offset += Encoding.UTF8.GetCharCount(codec.TokenBytes(tokens[i].Id));
        }

        return new([.. tokens.Select(token => Text(token.Id, "bytes:"))], [.. tokens.Select(token => Finite(token.Logprobs.Logprob))],
            [.. tokens.Select(Top)], offsets);
    }

    private TokenLogprob Chat(ScoredToken token)
    {
        List<TopLogprob> top = [.. token.Logprobs.Top.Select(other => new TopLogprob(Text(other.TokenId, ""), Finite(other.Logprob),
            Bytes(other.TokenId)))];
        float own = Finite(token.Logprobs.Logprob);
        if (top.Count > 0 && !token.Logprobs.Top.Any(other => other.TokenId == token.Id))
            top.Add(new TopLogprob(Text(token.Id, ""), own, Bytes(token.Id)));
        return new(Text(token.Id, ""), own, Bytes(token.Id), top);
    }

    private Dictionary<string, float> Top(ScoredToken token)
    {
        Dictionary<string, float> top = [];
        foreach ((int id, float logprob) in token.Logprobs.Top.Append((token.Id, token.Logprobs.Logprob)))
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
