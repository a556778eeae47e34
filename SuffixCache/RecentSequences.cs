using System.Numerics;

namespace Agentic.SuffixCache;

/// <summary>The sequences read or written last, by their time and tokens: one that comes again is a copy. Any thread.</summary>
/// <remarks>A copy is near: of an entry sent twice it is its writer's next, and of a segment compacted while it was read it is in the
/// same run. So nothing need be remembered for ever.</remarks>
internal sealed class RecentSequences
{
    private const int Capacity = 1 << 16;
    private const ulong Odd = 0x9E3779B97F4A7C15;
    private readonly HashSet<ulong> _hashes = [];
    private readonly Queue<ulong> _order = new();
    private readonly Lock _lock = new();

    /// <returns>Whether it was new.</returns>
    public bool Add(StoredSequence sequence)
    {
        ulong hash = Hash(sequence);
        lock (_lock)
        {
            if (!_hashes.Add(hash))
                return false;
            _order.Enqueue(hash);
            if (_order.Count > Capacity)
                _hashes.Remove(_order.Dequeue());
            return true;
        }
    }

    public void Clear()
    {
        lock (_lock)
        {
            _hashes.Clear();
            _order.Clear();
        }
    }

    private static ulong Hash(StoredSequence sequence)
    {
        ulong hash = (ulong)sequence.Time.ToUnixTimeMilliseconds() * Odd;   // far from the next millisecond's, whatever the first token
        foreach (int token in sequence.Tokens.Span)
            hash = BitOperations.RotateLeft(hash ^ (uint)token, 25) * Odd;
        return hash;
    }
}
