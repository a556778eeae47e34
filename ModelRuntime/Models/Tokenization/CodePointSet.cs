using System.Globalization;

namespace Agentic.ModelRuntime;

/// <summary>A set of Unicode code points as sorted, disjoint, inclusive ranges.</summary>
/// <remarks>Only code points that a character of text can have: the surrogates are in no set.</remarks>
public sealed class CodePointSet
{
    private const int LastCodePoint = 0x10FFFF;

    private static readonly Lazy<CodePointSet[]> Categories = new(ScanCategories);

    private CodePointSet(List<(int First, int Last)> ranges) => Ranges = ranges;

    /// <summary>Rising, and never adjacent.</summary>
    public IReadOnlyList<(int First, int Last)> Ranges { get; }

    /// <summary>No code point.</summary>
    public static CodePointSet Empty { get; } = new([]);

    /// <summary>Every code point that is not a surrogate.</summary>
    public static CodePointSet All { get; } = new([(0, 0xD7FF), (0xE000, LastCodePoint)]);

    /// <summary>Whether it has none.</summary>
    public bool IsEmpty => Ranges.Count == 0;

    /// <summary>The code points of inclusive ranges in any order, surrogates left out.</summary>
    public static CodePointSet Of(params IEnumerable<(int First, int Last)> ranges)
    {
        List<(int First, int Last)> merged = [];
        foreach ((int first, int last) in ranges.OrderBy(range => range.First))
        {
            if (merged.Count > 0 && first <= merged[^1].Last + 1)
                merged[^1] = (merged[^1].First, Math.Max(merged[^1].Last, last));
            else
                merged.Add((first, last));
        }
        return new CodePointSet(merged).Intersect(All);
    }

    /// <summary>The code points of Unicode categories.</summary>
    public static CodePointSet OfCategory(params IEnumerable<UnicodeCategory> categories) =>
        Of(categories.SelectMany(category => Categories.Value[(int)category].Ranges));

    /// <summary>Those of either.</summary>
    public CodePointSet Union(CodePointSet other) => Of(Ranges.Concat(other.Ranges));

    /// <summary>Those not in it.</summary>
    public CodePointSet Complement()
    {
        List<(int, int)> gaps = [];
        int next = 0;
        foreach ((int first, int last) in Ranges)
        {
            if (first > next)
                gaps.Add((next, first - 1));
            next = last + 1;
        }
        if (next <= LastCodePoint)
            gaps.Add((next, LastCodePoint));
        return ReferenceEquals(this, All) ? Empty : new CodePointSet(gaps).Intersect(All);
    }

    /// <summary>Those of both.</summary>
    public CodePointSet Intersect(CodePointSet other)
    {
        List<(int, int)> common = [];
        for (int i = 0, j = 0; i < Ranges.Count && j < other.Ranges.Count;)
        {
            int first = Math.Max(Ranges[i].First, other.Ranges[j].First);
            int last = Math.Min(Ranges[i].Last, other.Ranges[j].Last);
            if (first <= last)
                common.Add((first, last));
            if (Ranges[i].Last < other.Ranges[j].Last)
                i++;
            else
                j++;
        }
        return new CodePointSet(common);
    }

    /// <summary>Whether a code point is in it.</summary>
    public bool Contains(int codePoint)
    {
        int low = 0, high = Ranges.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            if (codePoint < Ranges[middle].First)
                high = middle - 1;
            else if (codePoint > Ranges[middle].Last)
                low = middle + 1;
            else
                return true;
        }
        return false;
    }

    private static CodePointSet[] ScanCategories()
    {
        List<(int First, int Last)>[] ranges = [.. Enum.GetValues<UnicodeCategory>().Select(_ => new List<(int, int)>())];
        for (int codePoint = 0, first = 0; codePoint <= LastCodePoint; codePoint++)
        {
            UnicodeCategory category = CharUnicodeInfo.GetUnicodeCategory(codePoint);
            if (codePoint == LastCodePoint || CharUnicodeInfo.GetUnicodeCategory(codePoint + 1) != category)
            {
                ranges[(int)category].Add((first, codePoint));
                first = codePoint + 1;
            }
        }
        return [.. ranges.Select(list => new CodePointSet(list))];
    }
}
