using System.Numerics;

namespace Agentic.ModelRuntime;

/// <summary>Keeps an output within a grammar: the text so far can always be finished, and may end exactly where it is whole.</summary>
public sealed class GrammarConstraint : ITokenConstraint
{
    private readonly TokenMasks _masks;
    private readonly IReadOnlyList<int> _endIds;
    private Language _state;

    /// <param name="masks">Of the grammar; shared by all requests of one engine that have it.</param>
    /// <param name="endIds">Tokens that end the output; at least one.</param>
    public GrammarConstraint(TokenMasks masks, IReadOnlyList<int> endIds)
    {
        ArgumentNullException.ThrowIfNull(masks);
        (_masks, _endIds, _state) = (masks, endIds, masks.Grammar.Start!);
    }

    /// <inheritdoc/>
    public bool IsActive => _state != _masks.Grammar.Free;

    /// <summary>Whether the output may end here.</summary>
    public bool IsComplete => _state.IsNullable;

    /// <inheritdoc/>
    public void Mask(Span<float> logits)
    {
        if (!IsActive)
            return;
        ReadOnlySpan<ulong> mask = _masks.Of(_state);
        bool ends = IsComplete || !mask.ContainsAnyExcept(0UL);   // no token spells what must follow: better a broken end than none
        Span<float> kept = stackalloc float[ends ? _endIds.Count : 0];
        for (int i = 0; i < kept.Length; i++)
            kept[i] = logits[_endIds[i]];
        for (int word = 0; word < mask.Length && word << 6 < logits.Length; word++)
        {
            Span<float> part = logits[(word << 6)..Math.Min(logits.Length, (word + 1) << 6)];
            if (mask[word] == 0)
            {
                part.Fill(float.NegativeInfinity);
                continue;
            }

            for (ulong forbidden = ~mask[word]; forbidden != 0; forbidden &= forbidden - 1)
            {
                int bit = BitOperations.TrailingZeroCount(forbidden);
                if (bit >= part.Length)
                    break;
                part[bit] = float.NegativeInfinity;
            }
        }

        if (mask.Length << 6 < logits.Length)
            logits[(mask.Length << 6)..].Fill(float.NegativeInfinity);   // rows past the vocabulary are the checkpoint's padding
        for (int i = 0; i < kept.Length; i++)
            logits[_endIds[i]] = kept[i];
    }

    /// <inheritdoc/>
    public bool Allows(int tokenId)
    {
        if (!IsActive || (IsComplete && _endIds.Contains(tokenId)))
            return true;
        ReadOnlySpan<byte> bytes = _masks.Trie.BytesOf(tokenId);
        return bytes.Length > 0 && _masks.Grammar.After(_state, bytes) != _masks.Grammar.Nothing;
    }

    /// <inheritdoc/>
    public void Advance(int tokenId)
    {
        Language next = _masks.Grammar.After(_state, _masks.Trie.BytesOf(tokenId));   // an end, or markup in free text, has no bytes
        if (next != _masks.Grammar.Nothing)
            _state = next;
        else if (_masks.Grammar.Free is { } free)
            _state = free;   // nothing was forbidden in free text, so this was no beginning after all
    }

    /// <inheritdoc/>
    public ITokenConstraint Restart() => new GrammarConstraint(_masks, _endIds);
}
