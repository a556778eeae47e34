using System.Runtime.ExceptionServices;

namespace Agentic.SuffixCache;

/// <summary>The drafts of a batch's sequences, on as many threads as pay.</summary>
/// <remarks>
/// The caller works too, and waits for nobody who has not begun: where the thread pool is busy it drafts them all. The ticket holds the
/// batch's number in its upper half and the drafts not yet taken in its lower half: who lowers it by one owns that draft, and a helper
/// that comes late finds none left.
/// </remarks>
public sealed class DraftBatch : IThreadPoolWorkItem
{
    // Fewer are drafted before another thread has woken up.
    private const int LeastOfThread = 8;

    private Item[] _items = new Item[64];
    private int _count;
    private long _ticket;
    private int _done;
    private Exception? _failure;

    /// <summary>Drafts added and not yet made.</summary>
    public int Count => _count;

    /// <summary>Adds a draft, to be made by <see cref="Run"/>: see <see cref="SuffixSession.Draft"/>.</summary>
    /// <param name="session">In a batch once.</param>
    /// <param name="maxNodes">Most nodes.</param>
    /// <param name="maxDepth">Deepest node.</param>
    /// <param name="into">Of this session alone.</param>
    public void Add(SuffixSession session, int maxNodes, int maxDepth, Continuation into)
    {
        if (_count == _items.Length)
            Array.Resize(ref _items, _count * 2);
        _items[_count++] = new Item(session, maxNodes, maxDepth, into);
    }

    /// <summary>Makes all drafts, and empties the batch.</summary>
    public void Run()
    {
        int count = _count;
        (_count, _done, _failure) = (0, 0, null);
        long number = (Volatile.Read(ref _ticket) >> 32) + 1;
        Interlocked.Exchange(ref _ticket, (number << 32) | (uint)count);
        for (int helpers = Math.Min(Environment.ProcessorCount, count / LeastOfThread) - 1; helpers > 0; helpers--)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        Execute();
        SpinWait wait = default;
        while (Volatile.Read(ref _done) < count)
            wait.SpinOnce(sleep1Threshold: -1);
        _items.AsSpan(0, count).Clear();
        if (_failure is not null)
            ExceptionDispatchInfo.Throw(_failure);
    }

    /// <inheritdoc/>
    void IThreadPoolWorkItem.Execute() => Execute();

    private void Execute()
    {
        for (long ticket = Volatile.Read(ref _ticket); (uint)ticket > 0; ticket = Volatile.Read(ref _ticket))
        {
            if (Interlocked.CompareExchange(ref _ticket, ticket - 1, ticket) != ticket)
                continue;
            Item item = _items[(uint)ticket - 1];
            try
            {
                item.Session.Draft(item.MaxNodes, item.MaxDepth, item.Into);
            }
            catch (ObjectDisposedException failure)
            {
                _failure = failure;
            }

            Interlocked.Increment(ref _done);
        }
    }

    private readonly record struct Item(SuffixSession Session, int MaxNodes, int MaxDepth, Continuation Into);
}
