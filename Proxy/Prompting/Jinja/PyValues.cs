using System.Collections;

namespace Agentic.Proxy;

// The values of a template are Python's: null is None; bool, long, BigInteger, double and string are themselves;
// List<object?> is a list; what has no counterpart here is below.

/// <summary>A text that counts as HTML already; only templates that escape see a difference from a string.</summary>
internal sealed record PyMarkup(string Text);

/// <summary>A tuple, with names for its items where it is one that <c>groupby</c> makes.</summary>
internal sealed class PyTuple(object?[] items, string[]? names = null)
{
    public static readonly PyTuple Empty = new([]);

    public object?[] Items { get; } = items;

    public string[]? Names { get; } = names;
}

/// <summary>An iterator that can be walked once, as a generator of Python: it has no length and is always true.</summary>
/// <param name="items">Evaluated as they are asked for.</param>
/// <param name="typeName">Python's name for it, as error messages say it.</param>
internal sealed class PyIterator(IEnumerable<object?> items, string typeName = "generator") : IEnumerable<object?>
{
    private readonly IEnumerator<object?> _items = items.GetEnumerator();

    public string TypeName { get; } = typeName;

    public IEnumerator<object?> GetEnumerator()
    {
        while (_items.MoveNext())
            yield return _items.Current;
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>The live view that <c>keys()</c>, <c>values()</c> or <c>items()</c> gives.</summary>
internal sealed class PyView(PyDict dict, string typeName, Func<KeyValuePair<object?, object?>, object?> select)
{
    public PyDict Dict { get; } = dict;

    public string TypeName { get; } = typeName;

    public IEnumerable<object?> Items => Dict.Entries.Select(select);
}

internal sealed record PyRange(long Start, long Stop, long Step)
{
    /// <summary>What Jinja2's sandbox allows.</summary>
    public const long MaxLength = 100_000;

    public long Length => Step > 0
        ? Start < Stop ? (long)(((Int128)Stop - Start - 1) / Step + 1) : 0
        : Start > Stop ? (long)(((Int128)Start - Stop - 1) / -(Int128)Step + 1) : 0;

    public object At(long index) => Start + index * Step;

    public IEnumerable<object?> Items
    {
        get
        {
            long length = Length;
            for (long i = 0; i < length; i++)
                yield return At(i);
        }
    }
}

/// <summary>Something whose attributes a template may read.</summary>
internal interface IHasAttributes
{
    bool TryGetAttribute(string name, out object? value);
}

/// <summary>The only value whose attributes a template may set.</summary>
internal sealed class Namespace(PyDict attributes) : IHasAttributes
{
    public PyDict Attributes { get; } = attributes;

    public bool TryGetAttribute(string name, out object? value) => Attributes.TryGet(name, out value);
}
