using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Agentic.ModelRuntime;

/// <summary>SentencePiece's compiled table of what is written in place of what, such as NFKC with its own treatment of white
/// space.</summary>
/// <remarks>A double array (Aoe 1989, as darts-clone packs it) of UTF-8, then the texts that its values point to, each ended by a
/// zero.</remarks>
internal sealed class CharacterMap : INormalizer
{
    private readonly uint[] _units;
    private readonly byte[] _texts;
    private readonly bool _byGrapheme;

    /// <param name="table">As tokenizer.model or, in base64, tokenizer.json has it.</param>
    /// <param name="byGrapheme">The tokenizers library's way: a short cluster of characters is replaced whole by what its shortest
    /// beginning stands for. Otherwise SentencePiece's own: the longest text that is in the table.</param>
    /// <exception cref="FormatException">The table is damaged.</exception>
    public CharacterMap(ReadOnlySpan<byte> table, bool byGrapheme)
    {
        _byGrapheme = byGrapheme;
        uint size = table.Length < sizeof(uint) ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(table);
        if (size > table.Length - sizeof(uint) || size % sizeof(uint) != 0 || size == 0)
            throw new FormatException("its table of characters is damaged");
        _units = new uint[size / sizeof(uint)];
        for (int i = 0; i < _units.Length; i++)
            _units[i] = BinaryPrimitives.ReadUInt32LittleEndian(table[((i + 1) * sizeof(uint))..]);
        _texts = table[(sizeof(uint) + (int)size)..].ToArray();
    }

    public string Normalize(string text) => _byGrapheme ? ByGrapheme(text) : ByLongest(Encoding.UTF8.GetBytes(text));

    private string ByLongest(ReadOnlySpan<byte> text)
    {
        StringBuilder result = new(text.Length);
        for (int at = 0, length; at < text.Length; at += length)
        {
            (length, int value) = Find(text[at..], longest: true);
            if (length > 0)
            {
                result.Append(TextAt(value));
            }
            else
            {
                Rune.DecodeFromUtf8(text[at..], out Rune rune, out length);
                result.Append(rune);
            }
        }

        return result.ToString();
    }

    private string ByGrapheme(string text)
    {
        const int ShortCluster = 5;   // bytes
        StringBuilder result = new(text.Length);
        for (int at = 0, length; at < text.Length; at += length)
        {
            length = StringInfo.GetNextTextElementLength(text, at);
            ReadOnlySpan<char> cluster = text.AsSpan(at, length);
            if (Encoding.UTF8.GetByteCount(cluster) <= ShortCluster && TryReplace(cluster, result))
                continue;
            foreach (Rune rune in cluster.EnumerateRunes())
            {
                if (!TryReplace(rune.ToString(), result))
                    result.Append(rune);
            }
        }

        return result.ToString();
    }

    private bool TryReplace(ReadOnlySpan<char> characters, StringBuilder result)
    {
        Span<byte> utf8 = stackalloc byte[16];
        (int length, int value) = Find(utf8[..Encoding.UTF8.GetBytes(characters, utf8)], longest: false);
        if (length > 0)
            result.Append(TextAt(value));
        return length > 0;
    }

    /// <summary>A text in the table with which these bytes begin: its length, 0 where there is none, and where its replacement
    /// stands.</summary>
    private (int Length, int Value) Find(ReadOnlySpan<byte> utf8, bool longest)
    {
        (int, int) found = default;
        uint at = Offset(_units[0]);
        for (int i = 0; i < utf8.Length && utf8[i] != 0; i++)
        {
            at ^= utf8[i];
            if (at >= _units.Length || (_units[at] & 0x8000_00FF) != utf8[i])
                break;
            uint unit = _units[at];
            at ^= Offset(unit);
            if ((unit & 0x100) == 0 || at >= _units.Length)
                continue;
            found = (i + 1, (int)(_units[at] & 0x7FFF_FFFF));
            if (!longest)
                break;
        }

        return found;
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);

    private string TextAt(int value)
    {
        ReadOnlySpan<byte> text = value < _texts.Length ? _texts.AsSpan(value) : default;
        int end = text.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? text : text[..end]);
    }
}
