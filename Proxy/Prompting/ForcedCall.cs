using System.Text;
using System.Text.Json;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>Makes an answer begin with one of some literal texts; the model draws each token itself among those that continue one of
/// them.</summary>
/// <remarks>
/// By bytes, so that any spelling in tokens is possible; a token may run past the end of a text, and after that the model is free.
/// This is how <c>tool_choice</c> "required" and a named function are kept.
/// </remarks>
internal sealed class ForcedCall : ITokenConstraint
{
    private readonly ITextCodec _codec;
    private readonly byte[][] _texts;
    private List<byte[]> _open;
    private int _written;

    /// <param name="codec">Knows each token's bytes.</param>
    /// <param name="texts">At least one; none empty.</param>
    public ForcedCall(ITextCodec codec, IEnumerable<byte[]> texts)
    {
        _codec = codec;
        _texts = [.. texts];
        _open = [.. _texts];
    }

    /// <summary>Forces a Hermes call of one of these functions, up to where its arguments begin.</summary>
    public static ForcedCall OfFunctions(ITextCodec codec, IEnumerable<string> names) =>
        new(codec, names.Select(name => Encoding.UTF8.GetBytes(
            $"{ToolCallParser.OpenMarker}\n{{\"name\": {JsonSerializer.Serialize(name, WireJson.Default.String)}, \"arguments\": ")));

    /// <inheritdoc/>
    public bool IsActive => _open.Count > 0;

    /// <inheritdoc/>
    public void Mask(Span<float> logits)
    {
        if (!IsActive)
            return;
        for (int id = 0; id < logits.Length; id++)
        {
            if (id >= _codec.VocabularySize || !Allows(id))   // rows past the vocabulary are the checkpoint's padding
                logits[id] = float.NegativeInfinity;
        }
    }

    /// <inheritdoc/>
    public bool Allows(int tokenId)
    {
        if (!IsActive)
            return true;
        ReadOnlySpan<byte> token = _codec.TokenBytes(tokenId);
        foreach (byte[] text in _open)
        {
            if (Continues(text.AsSpan(_written), token))
                return true;
        }

        return false;
    }

    /// <inheritdoc/>
    public void Advance(int tokenId)
    {
        if (!IsActive)
            return;
        _open = [.. _open.Where(text => Continues(text.AsSpan(_written), _codec.TokenBytes(tokenId)))];
        _written += _codec.TokenBytes(tokenId).Length;
        if (_open.Exists(text => text.Length <= _written))
            _open = [];   // one of them is written
    }

    /// <inheritdoc/>
    public ITokenConstraint Restart() => new ForcedCall(_codec, _texts);

    private static bool Continues(ReadOnlySpan<byte> rest, ReadOnlySpan<byte> token) =>
        token.Length > 0 && (token.Length <= rest.Length ? rest.StartsWith(token) : token.StartsWith(rest));
}
