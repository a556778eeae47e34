namespace Agentic.ModelRuntime;

/// <summary>Bytes that no set of a grammar tells apart share a class, and so whatever follows them.</summary>
internal sealed class ByteClasses
{
    private readonly byte[] _classes = new byte[256];

    /// <param name="sets">Of the grammar.</param>
    public ByteClasses(IReadOnlyCollection<ByteSet> sets)
    {
        Dictionary<string, byte> known = [];
        List<byte> first = [];
        char[] signature = new char[sets.Count];
        for (int value = 0; value < 256; value++)
        {
            int i = 0;
            foreach (ByteSet set in sets)
                signature[i++] = set.Contains((byte)value) ? '1' : '0';
            string key = new(signature);
            if (known.TryGetValue(key, out _classes[value]))
                continue;
            known[key] = _classes[value] = (byte)known.Count;
            first.Add((byte)value);
        }

        First = first;
    }

    public int Count => First.Count;

    /// <summary>The first byte of each class, in their order.</summary>
    public IReadOnlyList<byte> First { get; }

    /// <summary>The class of a byte.</summary>
    public byte this[byte value] => _classes[value];

    /// <summary>Whether a set holds some of a class's bytes and not others.</summary>
    public bool IsSplitBy(ByteSet set)
    {
        for (int value = 0; value < 256; value++)
        {
            if (set.Contains((byte)value) != set.Contains(First[_classes[value]]))
                return true;
        }

        return false;
    }
}
