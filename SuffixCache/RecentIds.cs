namespace Agentic.SuffixCache;

/// <summary>The ids of the entries read last. The second copy of an entry is its writer's next, so that it need not remember for ever.</summary>
internal sealed class RecentIds
{
    private const int Capacity = 1 << 16;
    private readonly HashSet<UInt128> _ids = [];
    private readonly Queue<UInt128> _order = new();

    /// <returns>Whether it was new.</returns>
    public bool Add(UInt128 id)
    {
        if (!_ids.Add(id))
            return false;
        _order.Enqueue(id);
        if (_order.Count > Capacity)
            _ids.Remove(_order.Dequeue());
        return true;
    }
}
