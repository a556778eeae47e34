using System.Text;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>Characters as the bytes of their UTF-8.</summary>
internal static class Utf8
{
    private static readonly int[] LastOfLength = [0x7F, 0x7FF, 0xFFFF, 0x10FFFF];

    /// <summary>One character of an inclusive range without surrogates.</summary>
    public static Language Range(Grammar grammar, int first, int last)
    {
        List<Language> parts = [];
        foreach (int longest in LastOfLength)
        {
            if (first > longest || first > last)
                continue;
            int end = Math.Min(last, longest);
            parts.Add(Between(grammar, Bytes(first), Bytes(end)));
            first = end + 1;
        }

        return grammar.Choice([.. parts]);
    }

    /// <summary>The byte strings between two of one length, as far as they are UTF-8.</summary>
    private static Language Between(Grammar grammar, ReadOnlySpan<byte> first, ReadOnlySpan<byte> last)
    {
        if (first.Length == 0)
            return grammar.Empty;
        if (first[0] == last[0])
            return grammar.Sequence(Set(grammar, first[0], last[0]), Between(grammar, first[1..], last[1..]));

        Span<byte> least = stackalloc byte[first.Length - 1], most = stackalloc byte[first.Length - 1];
        least.Fill(0x80);
        most.Fill(0xBF);
        byte from = first[0], to = last[0];
        List<Language> parts = [];
        if (!first[1..].SequenceEqual(least))
            parts.Add(grammar.Sequence(Set(grammar, from, from++), Between(grammar, first[1..], most)));
        bool cut = !last[1..].SequenceEqual(most);
        if (cut)
            to--;
        if (from <= to)
            parts.Add(grammar.Sequence(Set(grammar, from, to), Between(grammar, least, most)));
        if (cut)
            parts.Add(grammar.Sequence(Set(grammar, last[0], last[0]), Between(grammar, least, last[1..])));
        return grammar.Choice([.. parts]);
    }

    private static Language Set(Grammar grammar, byte first, byte last) => grammar.Bytes(ByteSet.Range(first, last));

    private static byte[] Bytes(int character) => Encoding.UTF8.GetBytes(char.ConvertFromUtf32(character));
}
