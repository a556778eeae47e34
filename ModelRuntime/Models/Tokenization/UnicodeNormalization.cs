using System.Globalization;
using System.Text;

namespace Agentic.ModelRuntime;

/// <summary>NFC, NFD, NFKC and NFKD (Unicode Standard Annex 15).</summary>
/// <remarks>
/// Ours, because the project runs with the invariant culture, in which .NET's <see cref="string.Normalize()"/> gives text back unchanged
/// (measured on .NET 10: e and U+0301 stay two). UnicodeNormalization.txt holds what the Unicode character database says, version 14, one
/// code point a line: <c>code;combining class;canonical decomposition, ! when it never composes again;compatibility decomposition when it
/// differs</c>, all of it fully decomposed; Hangul syllables are computed. It was written with Python's unicodedata.
/// </remarks>
internal static class UnicodeNormalization
{
    private const int SyllableBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28;
    private const int SyllableCount = LeadCount * VowelCount * TrailCount;

    private static readonly Lazy<Tables> Data = new(Read);

    public static string Normalize(string text, NormalizationForm form)
    {
        bool composes = form is NormalizationForm.FormC or NormalizationForm.FormKC;
        bool compatible = form is NormalizationForm.FormKC or NormalizationForm.FormKD;
        // Every character below U+0300 is its own composition, and plain ASCII is its own anything.
        char changes = form == NormalizationForm.FormC ? '\u0300' : '\u0080';
        if (text.AsSpan().IndexOfAnyInRange(changes, '\uFFFF') < 0)
            return text;
        Tables data = Data.Value;
        if (!NeedsWork(text, data, composes, compatible))
            return text;
        List<int> codePoints = Decompose(text, data, compatible);
        if (composes)
            Compose(codePoints, data);
        StringBuilder normalized = new(text.Length);
        foreach (int codePoint in codePoints)
            normalized.Append(new Rune(codePoint));
        return normalized.ToString();
    }

    private static bool NeedsWork(string text, Tables data, bool composes, bool compatible)
    {
        foreach (Rune rune in text.EnumerateRunes())
        {
            int codePoint = rune.Value;
            if (codePoint < 0x80)
                continue;
            bool changes = composes
                ? data.Unstable.Contains(codePoint)
                : data.Canonical.ContainsKey(codePoint) || data.Classes.ContainsKey(codePoint) || IsSyllable(codePoint);
            if (changes || (compatible && data.Compatible.ContainsKey(codePoint)))
                return true;
        }
        return false;
    }

    private static List<int> Decompose(string text, Tables data, bool compatible)
    {
        List<int> codePoints = new(text.Length);
        int unordered = 0; // where the combining marks at the end begin
        foreach (Rune rune in text.EnumerateRunes())
        {
            int codePoint = rune.Value;
            ReadOnlySpan<int> parts = (compatible ? data.Compatible.GetValueOrDefault(codePoint) : null)
                ?? data.Canonical.GetValueOrDefault(codePoint)
                ?? (IsSyllable(codePoint) ? Jamo(codePoint) : [codePoint]);
            foreach (int part in parts)
            {
                if (data.Class(part) == 0)
                {
                    Order(codePoints, unordered, data);
                    codePoints.Add(part);
                    unordered = codePoints.Count;
                }
                else
                {
                    codePoints.Add(part);
                }
            }
        }
        Order(codePoints, unordered, data);
        return codePoints;
    }

    /// <summary>Sorts combining marks by class and leaves those of one class as they stand.</summary>
    private static void Order(List<int> codePoints, int start, Tables data)
    {
        if (codePoints.Count - start < 2)
            return;
        int[] marks = [.. codePoints.Skip(start).OrderBy(data.Class)];
        for (int i = 0; i < marks.Length; i++)
            codePoints[start + i] = marks[i];
    }

    private static void Compose(List<int> codePoints, Tables data)
    {
        int kept = 0, starter = -1, lastClass = 0;
        foreach (int codePoint in codePoints.ToArray())
        {
            int combiningClass = data.Class(codePoint);
            bool blocked = starter < 0 || (lastClass != 0 && lastClass >= combiningClass) || (lastClass == 0 && kept - 1 != starter);
            if (!blocked && TryCompose(codePoints[starter], codePoint, data, out int composed))
            {
                codePoints[starter] = composed;
                continue;
            }
            if (combiningClass == 0)
                starter = kept;
            lastClass = combiningClass;
            codePoints[kept++] = codePoint;
        }
        codePoints.RemoveRange(kept, codePoints.Count - kept);
    }

    private static bool TryCompose(int first, int second, Tables data, out int composed)
    {
        composed = 0;
        int lead = first - LeadBase, vowel = second - VowelBase, trail = second - TrailBase;
        if (lead is >= 0 and < LeadCount && vowel is >= 0 and < VowelCount)
            composed = SyllableBase + (lead * VowelCount + vowel) * TrailCount;
        else if (IsSyllable(first) && (first - SyllableBase) % TrailCount == 0 && trail is > 0 and < TrailCount)
            composed = first + trail;
        return composed != 0 || data.Compositions.TryGetValue((first, second), out composed);
    }

    private static bool IsSyllable(int codePoint) => codePoint is >= SyllableBase and < SyllableBase + SyllableCount;

    private static int[] Jamo(int syllable)
    {
        int index = syllable - SyllableBase;
        int lead = LeadBase + index / (VowelCount * TrailCount), vowel = VowelBase + index / TrailCount % VowelCount;
        return index % TrailCount == 0 ? [lead, vowel] : [lead, vowel, TrailBase + index % TrailCount];
    }

    private static Tables Read()
    {
        Tables data = new();
        List<int> composing = [];
        using Stream stream = typeof(UnicodeNormalization).Assembly.GetManifestResourceStream("UnicodeNormalization.txt")!;
        using StreamReader reader = new(stream);
        while (reader.ReadLine() is string line)
        {
            string[] fields = line.Split(';');
            int codePoint = Hex(fields[0]);
            if (fields[1].Length > 0)
                data.Classes[codePoint] = int.Parse(fields[1], CultureInfo.InvariantCulture);
            if (fields[2].Length > 0)
                data.Canonical[codePoint] = CodePoints(fields[2].TrimEnd('!'));
            if (fields[3].Length > 0)
                data.Compatible[codePoint] = CodePoints(fields[3]);
            if (fields[2].EndsWith('!') || fields[1].Length > 0)
                data.Unstable.Add(codePoint);
            else if (fields[2].Length > 0)
                composing.Add(codePoint);
        }
        // A pair is the composition of all but the last code point, and the last: the shorter ones have to be there first.
        foreach (int codePoint in composing.OrderBy(codePoint => data.Canonical[codePoint].Length))
        {
            int[] parts = data.Canonical[codePoint];
            int first = parts[0];
            foreach (int part in parts[1..^1])
                first = data.Compositions[(first, part)];
            data.Compositions.Add((first, parts[^1]), codePoint);
            data.Unstable.Add(parts[^1]);
        }
        data.Unstable.UnionWith(Enumerable.Range(VowelBase, VowelCount));
        data.Unstable.UnionWith(Enumerable.Range(TrailBase + 1, TrailCount - 1));
        return data;
    }

    private static int[] CodePoints(string field) => [.. field.Split(' ').Select(Hex)];

    private static int Hex(string digits) => int.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private sealed class Tables
    {
        public Dictionary<int, int> Classes { get; } = [];

        public Dictionary<int, int[]> Canonical { get; } = [];

        public Dictionary<int, int[]> Compatible { get; } = [];

        public Dictionary<(int First, int Second), int> Compositions { get; } = [];

        /// <summary>What composition changes, moves or joins to what stands before it.</summary>
        public HashSet<int> Unstable { get; } = [];

        public int Class(int codePoint) => codePoint < 0x300 ? 0 : Classes.GetValueOrDefault(codePoint);
    }
}
