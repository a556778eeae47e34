using System.Buffers;
using System.Text;

namespace Agentic.ModelRuntime;

/// <summary>The byte-level alphabet (GPT-2): a visible character for each byte, printable Latin-1 as itself, others from U+0100.</summary>
internal static class ByteAlphabet
{
    private static readonly char[] Letters = MakeLetters();
    private static readonly short[] Bytes = MakeBytes();

    public static char Letter(byte value) => Letters[value];

    /// <summary>The byte that a letter stands for, or -1.</summary>
    public static int Byte(char letter) => letter < Bytes.Length ? Bytes[letter] : -1;

    public static string Spell(ReadOnlySpan<char> text)
    {
        byte[] bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        int count = Encoding.UTF8.GetBytes(text, bytes);
        string spelt = string.Create(count, bytes, static (letters, bytes) =>
        {
            for (int i = 0; i < letters.Length; i++)
                letters[i] = Letters[bytes[i]];
        });
        ArrayPool<byte>.Shared.Return(bytes);
        return spelt;
    }

    /// <summary>The bytes of a token: what its letters stand for, or its own UTF-8 when one of them is no letter.</summary>
    public static byte[] Read(ReadOnlySpan<char> token)
    {
        byte[] bytes = new byte[token.Length];
        for (int i = 0; i < token.Length; i++)
        {
            int value = Byte(token[i]);
            if (value < 0)
            {
                byte[] own = new byte[Encoding.UTF8.GetByteCount(token)];
                Encoding.UTF8.GetBytes(token, own);
                return own;
            }
            bytes[i] = (byte)value;
        }
        return bytes;
    }

    private static char[] MakeLetters()
    {
        char[] letters = new char[256];
        int shifted = 0;
        for (int value = 0; value < 256; value++)
        {
            bool printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE;
            letters[value] = printable ? (char)value : (char)(256 + shifted++);
        }
        return letters;
    }

    private static short[] MakeBytes()
    {
        short[] bytes = new short[Letters.Max() + 1];
        Array.Fill(bytes, (short)-1);
        for (int value = 0; value < 256; value++)
            bytes[Letters[value]] = (short)value;
        return bytes;
    }
}
