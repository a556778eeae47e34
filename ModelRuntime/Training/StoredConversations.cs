using System.Runtime.InteropServices;
using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>Makes whole sequences of what a store keeps: of a prompt that began like an earlier sequence, only the rest and the last tokens
/// before it.</summary>
/// <remarks>A sequence is put behind what its first tokens are the end of: rather behind a sequence that ends just there, a conversation's last
/// turn, than behind one that goes on otherwise; of several, the latest. What nothing precedes is whole, or has lost its beginning to the store's
/// quota.</remarks>
public sealed class StoredConversations
{
    private const int Overlap = SuffixSession.StoredContextTokens;
    private readonly List<int[]> _wholes = [];
    private readonly Dictionary<ulong, List<(int Sequence, int End)>> _ends = [];

    /// <summary>The next sequence of a namespace, oldest first, as a conversation from its beginning.</summary>
    public RecordedConversation Add(StoredSequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        ReadOnlySpan<int> tokens = sequence.Tokens.Span;
        int[] before = Before(tokens);
        int[] whole = [.. before, .. tokens];
        for (int end = Math.Max(Overlap, before.Length + 1); end <= whole.Length; end++)
        {
            ulong hash = Hash(whole.AsSpan(end - Overlap, Overlap));
            ref List<(int, int)>? places = ref CollectionsMarshal.GetValueRefOrAddDefault(_ends, hash, out _);
            (places ??= []).Add((_wholes.Count, end));
        }

        _wholes.Add(whole);
        List<RecordedSegment> segments = before.Length > 0 ? [new RecordedSegment(false, before)] : [];
        int start = 0;
        foreach (TokenRun run in sequence.Runs)
            segments.Add(new RecordedSegment(run.Kind == TokenKind.Output, tokens[start..(start += run.Length)].ToArray()));
        return new RecordedConversation(segments);
    }

    /// <summary>What stood before the tokens.</summary>
    private int[] Before(ReadOnlySpan<int> tokens)
    {
        if (tokens.Length < Overlap || !_ends.TryGetValue(Hash(tokens[..Overlap]), out List<(int Sequence, int End)>? places))
            return [];
        int[]? otherwise = null;
        for (int i = places.Count - 1; i >= 0; i--)
        {
            (int[] whole, int end) = (_wholes[places[i].Sequence], places[i].End);
            if (!whole.AsSpan(end - Overlap, Overlap).SequenceEqual(tokens[..Overlap]))
                continue;
            if (end == whole.Length)
                return whole[..(end - Overlap)];
            if (tokens.Length == Overlap || whole[end] != tokens[Overlap])
                otherwise ??= whole[..(end - Overlap)];
        }

        return otherwise ?? [];
    }

    private static ulong Hash(ReadOnlySpan<int> tokens)
    {
        ulong hash = 0;
        foreach (int token in tokens)
            hash = (hash ^ (uint)token) * 0x9E3779B97F4A7C15;
        return hash;
    }
}
