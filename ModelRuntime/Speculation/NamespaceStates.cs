using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>What a source has learned in each namespace; beyond a number of them the one unused for longest is forgotten.</summary>
internal sealed class NamespaceStates<T>(int most, Func<T> create)
{
    private readonly Dictionary<NamespaceKey, (T State, long Used)> _states = [];
    private long _uses;

    public int Count => _states.Count;

    public IEnumerable<T> States => _states.Values.Select(entry => entry.State);

    public T Of(NamespaceKey key)
    {
        if (_states.TryGetValue(key, out (T State, long Used) found))
        {
            _states[key] = (found.State, ++_uses);
            return found.State;
        }

        if (_states.Count == most)
            ForgetOldest();
        T state = create();
        _states.Add(key, (state, ++_uses));
        return state;
    }

    /// <summary>Forgets namespaces. Who holds the state of one keeps it to itself.</summary>
    public void Forget(Predicate<NamespaceKey> whose)
    {
        foreach (NamespaceKey key in _states.Keys.Where(key => whose(key)).ToArray())
            _states.Remove(key);
    }

    /// <summary>Forgets the namespace unused for longest. Who holds its state keeps it to itself.</summary>
    public void ForgetOldest() => _states.Remove(_states.MinBy(entry => entry.Value.Used).Key);
}
