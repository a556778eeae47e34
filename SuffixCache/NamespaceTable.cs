namespace Agentic.SuffixCache;

/// <summary>The namespaces of a history, and what of them goes to keep within bytes and age. The writer's, but for <see cref="All"/> and
/// <see cref="Evicted"/>, which any thread may read.</summary>
internal sealed class NamespaceTable(int vocabularySize, int chunkBits, Reclaimer reclaimer) : IDisposable
{
    private readonly Dictionary<NamespaceKey, Namespace> _byKey = [];
    private volatile Namespace[] _all = [];
    private long _uses, _evicted;

    public Namespace[] All => _all;

    /// <summary>Tokens dropped so far.</summary>
    public long Evicted => Volatile.Read(ref _evicted);

    /// <summary>The namespace of a key, made if there is none; it counts as used.</summary>
    public Namespace Find(NamespaceKey key)
    {
        if (!_byKey.TryGetValue(key, out Namespace? found))
        {
            _byKey.Add(key, found = new Namespace(key, vocabularySize, chunkBits, reclaimer));
            _all = [.. _byKey.Values];
        }

        found.LastUsed = ++_uses;
        return found;
    }

    /// <summary>The namespace of a key, if there is one.</summary>
    public Namespace? Known(NamespaceKey key) => _byKey.GetValueOrDefault(key);

    public void Remove(Namespace @namespace)
    {
        _byKey.Remove(@namespace.Key);
        _all = [.. _byKey.Values];
        @namespace.Forget();
    }

    /// <summary>Drops namespaces that nobody has used since a time, and of others the segments whose newest token is older.</summary>
    public void DropOlder(DateTimeOffset than)
    {
        foreach (Namespace @namespace in _all)
        {
            SuffixIndex index = @namespace.Index;
            int before = index.Log.Count;
            bool isWhole = @namespace.Sessions == 0 && @namespace.Ages.Newest < than;
            if (isWhole)
                Remove(@namespace);
            while (!isWhole && index.CanDropOldest && @namespace.Ages.IsOlder(index.Log.Start, index.OldestEnd, than))
                index.DropOldest();
            _evicted += before - (isWhole ? 0 : index.Log.Count);
        }
    }

    /// <summary>Drops the largest namespace's oldest segment or chunk, or the longest unused namespace, until so many bytes are
    /// kept.</summary>
    /// <param name="byteBudget">Of them all.</param>
    /// <param name="namespaces">Those that share it.</param>
    /// <param name="current">The one in use, which stays.</param>
    public void Keep(long byteBudget, Namespace[] namespaces, Namespace current)
    {
        while (namespaces.Sum(n => n.Bytes) > byteBudget)
        {
            Namespace? largest = namespaces.Where(n => n.Index.CanDropOldest).MaxBy(n => n.Bytes);
            if (largest is not null)
            {
                int before = largest.Index.Log.Count;
                largest.Index.DropOldest();
                _evicted += before - largest.Index.Log.Count;
                continue;
            }

            Namespace? idle = namespaces.Where(n => n.Sessions == 0 && n != current).MinBy(n => n.LastUsed);
            if (idle is null)
                return;
            _evicted += idle.Index.Log.Count;
            namespaces = [.. namespaces.Where(n => n != idle)];
            Remove(idle);
        }
    }

    /// <summary>Frees all memory.</summary>
    public void Dispose()
    {
        foreach (Namespace @namespace in _all)
            @namespace.Dispose();
        _byKey.Clear();
        _all = [];
    }
}
