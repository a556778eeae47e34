namespace Agentic.Proxy;

/// <summary>A Python dict: insertion order, and keys equal as Python has it (<c>1</c>, <c>1.0</c> and <c>True</c> are one key).</summary>
internal sealed class PyDict
{
    // Most dicts are messages and schemas of a few string keys, where a walk is faster than a hash.
    private const int IndexAbove = 8;

    private static readonly object NoneKey = new();
    private readonly List<KeyValuePair<object?, object?>> _entries;
    private Dictionary<object, int>? _index;

    public PyDict(int capacity = 0) => _entries = new(capacity);

    public PyDict(PyDict other)
        : this(other.Count)
    {
        Budget.Current.ChargeItems(other.Count * 8L);
        foreach (KeyValuePair<object?, object?> entry in other.Entries)
            Set(entry.Key, entry.Value);
    }

    public int Count => _entries.Count;

    public IReadOnlyList<KeyValuePair<object?, object?>> Entries => _entries;

    public IEnumerable<object?> Keys => _entries.Select(entry => entry.Key);

    /// <exception cref="JinjaException">The key is a list or dict.</exception>
    public bool TryGet(object? key, out object? value)
    {
        int at = Find(key);
        value = at < 0 ? null : _entries[at].Value;
        return at >= 0;
    }

    /// <exception cref="JinjaException">The key is a list or dict.</exception>
    public bool Contains(object? key) => Find(key) >= 0;

    /// <exception cref="JinjaException">The key is a list or dict.</exception>
    public void Set(object? key, object? value)
    {
        int at = Find(key);
        if (at >= 0)
        {
            _entries[at] = new(_entries[at].Key, value);
            return;
        }

        _entries.Add(new(key, value));
        if (_index is not null)
        {
            _index.Add(key ?? NoneKey, _entries.Count - 1);
        }
        else if (_entries.Count > IndexAbove)
        {
            _index = new(PyEquality.Keys);
            for (int i = 0; i < _entries.Count; i++)
                _index.Add(_entries[i].Key ?? NoneKey, i);
        }
    }

    private int Find(object? key)
    {
        if (key is string name && _index is null)
        {
            Budget.ChargeReading(name);
            for (int i = 0; i < _entries.Count; i++)
            {
                if (_entries[i].Key is string other ? other == name : _entries[i].Key is PyMarkup markup && markup.Text == name)
                    return i;
            }

            return -1;
        }

        int hash = PyEquality.Hash(key);
        if (_index is not null)
            return _index.TryGetValue(key ?? NoneKey, out int at) ? at : -1;
        for (int i = 0; i < _entries.Count; i++)
        {
            if (PyEquality.Hash(_entries[i].Key) == hash && PyEquality.AreEqual(_entries[i].Key, key))
                return i;
        }

        return -1;
    }
}
