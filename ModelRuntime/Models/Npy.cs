using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Agentic.ModelRuntime;

/// <summary>NumPy's array files, version 1.0, C order, float32 and int32: how logits are compared with other implementations.</summary>
public static partial class Npy
{
    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Writes an array of <paramref name="shape"/>, whose product is the number of values.</summary>
    public static void Write(string path, ReadOnlySpan<float> values, params ReadOnlySpan<int> shape) =>
        Write(path, "<f4", MemoryMarshal.AsBytes(values), values.Length, shape);

    /// <inheritdoc cref="Write(string, ReadOnlySpan{float}, ReadOnlySpan{int})"/>
    public static void Write(string path, ReadOnlySpan<int> values, params ReadOnlySpan<int> shape) =>
        Write(path, "<i4", MemoryMarshal.AsBytes(values), values.Length, shape);

    /// <summary>Reads a float32 array.</summary>
    /// <exception cref="InvalidDataException">The file is no such array.</exception>
    public static (float[] Values, int[] Shape) ReadSingle(string path) => Read<float>(path, "<f4");

    /// <summary>Reads an int32 array.</summary>
    /// <exception cref="InvalidDataException">The file is no such array.</exception>
    public static (int[] Values, int[] Shape) ReadInt32(string path) => Read<int>(path, "<i4");

    /// <summary>The header of an array: for writers that append its rows themselves, as they are computed.</summary>
    /// <param name="type">NumPy's type string, such as &lt;f4.</param>
    /// <param name="shape">The shape.</param>
    public static byte[] Header(string type, ReadOnlySpan<int> shape)
    {
        string sizes = string.Join(", ", shape.ToArray()) + (shape.Length == 1 ? "," : "");
        string text = $"{{'descr': '{type}', 'fortran_order': False, 'shape': ({sizes}), }}";
        int padded = ((10 + text.Length + 1 + 63) / 64 * 64) - 10;
        byte[] header = new byte[10 + padded];
        Magic.CopyTo(header);
        header[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), (ushort)padded);
        Encoding.ASCII.GetBytes(text.PadRight(padded - 1) + "\n", header.AsSpan(10));
        return header;
    }

    private static void Write(string path, string type, ReadOnlySpan<byte> bytes, int count, ReadOnlySpan<int> shape)
    {
        long elements = 1;
        foreach (int size in shape)
            elements *= size;
        ArgumentOutOfRangeException.ThrowIfNotEqual(elements, count);
        using FileStream stream = File.Create(path);
        stream.Write(Header(type, shape));
        stream.Write(bytes);
    }

    private static (T[] Values, int[] Shape) Read<T>(string path, string type)
        where T : unmanaged
    {
        using FileStream stream = File.OpenRead(path);
        Span<byte> start = stackalloc byte[12];
        stream.ReadExactly(start[..10]);
        if (!start[..6].SequenceEqual(Magic))
            throw new InvalidDataException($"{path} is no .npy file");
        int length = BinaryPrimitives.ReadUInt16LittleEndian(start[8..]);
        if (start[6] > 1)
        {
            stream.ReadExactly(start.Slice(10, 2));
            length = BinaryPrimitives.ReadInt32LittleEndian(start[8..]);
        }

        byte[] header = new byte[length];
        stream.ReadExactly(header);
        Match match = HeaderPattern().Match(Encoding.ASCII.GetString(header));
        if (!match.Success || match.Groups["type"].Value != type || match.Groups["fortran"].Value != "False")
            throw new InvalidDataException($"{path} is no {type} array in C order");
        int[] shape = [.. match.Groups["shape"].Value.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries)
            .Select(size => int.Parse(size, CultureInfo.InvariantCulture))];
        T[] values = new T[shape.Aggregate(1L, (product, size) => product * size)];
        stream.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
        return (values, shape);
    }

    [GeneratedRegex(@"'descr': '(?<type>[^']*)', 'fortran_order': (?<fortran>\w+), 'shape': \((?<shape>[^)]*)\)")]
    private static partial Regex HeaderPattern();
}
