using System.Numerics;
using System.Runtime.CompilerServices;

namespace Agentic.Proxy;

/// <summary>Python's <c>==</c> and <c>hash</c>.</summary>
internal static class PyEquality
{
    public static readonly IEqualityComparer<object> Keys = new KeyComparer();

    public static bool AreEqual(object? left, object? right)
    {
        switch (left, right)
        {
            case (string a, string b):
                return TextEqual(a, b);
            case (null, _) or (_, null):
                return left is null && right is null;
            case (Undefined, _) or (_, Undefined):
                return left is Undefined && right is Undefined;
            case (PyMarkup or string, PyMarkup or string):
                return TextEqual(PyType.Text(left)!, PyType.Text(right)!);
            case (List<object?> a, List<object?> b):
                return SequenceEqual(a, b);
            case (PyTuple a, PyTuple b):
                return SequenceEqual(a.Items, b.Items);
            case (PyDict a, PyDict b):
                return a.Count == b.Count && a.Entries.All(entry => b.TryGet(entry.Key, out object? other) && Deep(entry.Value, other));
            case (PyRange a, PyRange b):
                return a.Length == b.Length && (a.Length == 0 || (a.Start == b.Start && (a.Length == 1 || a.Step == b.Step)));
        }

        return PyType.IsNumber(left) && PyType.IsNumber(right) ? PyNumber.Compare(left, right) == 0 : ReferenceEquals(left, right);
    }

    /// <exception cref="JinjaException">The value can change, so it has no hash.</exception>
    public static int Hash(object? value) => value switch
    {
        string s => HashText(s),
        null => 0,
        long n => n.GetHashCode(),
        bool b => (b ? 1L : 0L).GetHashCode(),
        double d => d == Math.Floor(d) && Math.Abs(d) < 1e18 ? ((long)d).GetHashCode() : d.GetHashCode(),
        BigInteger big => (double)big is var d && double.IsFinite(d) && new BigInteger(d) == big ? d.GetHashCode() : big.GetHashCode(),
        PyMarkup m => HashText(m.Text),
        PyTuple tuple => HashAll(tuple.Items),
        Undefined => 1,
        List<object?> or PyDict => throw JinjaException.Type($"unhashable type: '{PyType.Name(value)}'"),
        _ => RuntimeHelpers.GetHashCode(value),
    };

    private static bool TextEqual(string left, string right)
    {
        if (left.Length != right.Length)
            return false;
        Budget.ChargeReading(left);
        return left == right;
    }

    private static int HashText(string text)
    {
        Budget.ChargeReading(text);
        return text.GetHashCode();
    }

    private static int HashAll(object?[] items)
    {
        Budget.Descend();
        Budget.Current.Charge(items.Length);
        HashCode hash = default;
        foreach (object? item in items)
            hash.Add(Hash(item));
        return hash.ToHashCode();
    }

    private static bool SequenceEqual(IReadOnlyList<object?> left, IReadOnlyList<object?> right)
    {
        if (left.Count != right.Count)
            return false;
        for (int i = 0; i < left.Count; i++)
        {
            if (!Deep(left[i], right[i]))
                return false;
        }

        return true;
    }

    /// <summary>Items of containers: the same object is equal to itself without a look inside, as in Python.</summary>
    private static bool Deep(object? left, object? right)
    {
        Budget.Descend();
        Budget.Current.Charge();
        return ReferenceEquals(left, right) || AreEqual(left, right);
    }

    private sealed class KeyComparer : IEqualityComparer<object>
    {
        // Keys that hash alike are compared with one another, and paid for.
        public new bool Equals(object? x, object? y) => Deep(x, y);

        public int GetHashCode(object obj) => Hash(obj);
    }
}
