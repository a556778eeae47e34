using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Agentic.SuffixCache;

/// <summary>Whose memory this is: 32 bytes that KV blocks, suffix indices and store keys all carry. Nothing crosses from one to another.</summary>
public readonly struct NamespaceKey : IEquatable<NamespaceKey>
{
    private readonly Bytes _bytes;

    private NamespaceKey(ReadOnlySpan<byte> bytes) => bytes.CopyTo(MemoryMarshal.CreateSpan(ref Unsafe.As<Bytes, byte>(ref _bytes), Length));

    /// <summary>Bytes of a key.</summary>
    public const int Length = 32;

    /// <summary>HMAC-SHA256 under the server's secret, so that no caller can name another's key (CVE-2025-46570 is what happens without).</summary>
    /// <param name="secret">The server's own, never sent.</param>
    /// <param name="tenant">Who asks.</param>
    /// <param name="model">Fingerprint of the weights.</param>
    /// <param name="tokenizer">Fingerprint of the tokenizer: the same ids mean the same text only under it.</param>
    /// <param name="adapter">Adapter id, or empty.</param>
    public static NamespaceKey Derive(ReadOnlySpan<byte> secret, string tenant, string model, string tokenizer, string adapter = "")
    {
        using IncrementalHash hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (string field in (ReadOnlySpan<string>)[tenant, model, tokenizer, adapter])
        {
            byte[] text = Encoding.UTF8.GetBytes(field);
            BinaryPrimitives.WriteInt32LittleEndian(length, text.Length);
            hmac.AppendData(length);
            hmac.AppendData(text);
        }

        Span<byte> digest = stackalloc byte[Length];
        hmac.GetHashAndReset(digest);
        return new NamespaceKey(digest);
    }

    /// <summary>Reads 64 hexadecimal digits.</summary>
    /// <exception cref="FormatException">It is anything else.</exception>
    public static NamespaceKey Parse(string hex) =>
        Convert.FromHexString(hex) is { Length: Length } bytes
            ? new NamespaceKey(bytes)
            : throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"A namespace has {2 * Length} hexadecimal digits."));

    /// <summary>The 32 bytes.</summary>
    public void CopyTo(Span<byte> destination) =>
        MemoryMarshal.CreateReadOnlySpan(in Unsafe.As<Bytes, byte>(ref Unsafe.AsRef(in _bytes)), Length).CopyTo(destination);

    /// <summary>64 hexadecimal digits, lower case.</summary>
    public override string ToString() =>
        Convert.ToHexStringLower(MemoryMarshal.CreateReadOnlySpan(in Unsafe.As<Bytes, byte>(ref Unsafe.AsRef(in _bytes)), Length));

    /// <inheritdoc/>
    public bool Equals(NamespaceKey other) =>
        _bytes.A == other._bytes.A && _bytes.B == other._bytes.B && _bytes.C == other._bytes.C && _bytes.D == other._bytes.D;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is NamespaceKey other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _bytes.A.GetHashCode();

    /// <summary>Equality of all bytes.</summary>
    public static bool operator ==(NamespaceKey left, NamespaceKey right) => left.Equals(right);

    /// <summary>Inequality of any byte.</summary>
    public static bool operator !=(NamespaceKey left, NamespaceKey right) => !left.Equals(right);

    [StructLayout(LayoutKind.Sequential)]
    private struct Bytes
    {
        public ulong A, B, C, D;
    }
}
