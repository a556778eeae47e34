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

    private NamespaceKey(ReadOnlySpan<byte> bytes) =>
        bytes.CopyTo(MemoryMarshal.CreateSpan(ref Unsafe.As<Bytes, byte>(ref _bytes), Length));

    /// <summary>Bytes of a key.</summary>
    public const int Length = 32;

    private const int TenantLength = 16;

    /// <summary>Whose namespace it is, without saying their name: the same 16 bytes in every namespace of a tenant.</summary>
    /// <remarks>So one tenant's memory can be found, counted and erased over all models and adapters without keeping a list of names.</remarks>
    public UInt128 Tenant => BinaryPrimitives.ReadUInt128BigEndian(Span);

    private ReadOnlySpan<byte> Span => MemoryMarshal.CreateReadOnlySpan(in Unsafe.As<Bytes, byte>(ref Unsafe.AsRef(in _bytes)), Length);

    /// <summary>Halves of two HMAC-SHA256 under the server's secret, of the tenant and of all four, so that no caller can name another's
    /// key (CVE-2025-46570 is what happens without).</summary>
    /// <param name="secret">The server's own, never sent.</param>
    /// <param name="tenant">Who asks.</param>
    /// <param name="model">Fingerprint of the weights.</param>
    /// <param name="tokenizer">Fingerprint of the tokenizer: the same ids mean the same text only under it.</param>
    /// <param name="adapter">Adapter id, or empty.</param>
    public static NamespaceKey Derive(ReadOnlySpan<byte> secret, string tenant, string model, string tokenizer, string adapter = "")
    {
        Span<byte> bytes = stackalloc byte[Length];
        Hash(secret, [tenant], bytes[..TenantLength]);
        Hash(secret, [tenant, model, tokenizer, adapter], bytes[TenantLength..]);
        return new NamespaceKey(bytes);
    }

    /// <summary>What <see cref="Tenant"/> is of every namespace of this tenant.</summary>
    public static UInt128 TenantOf(ReadOnlySpan<byte> secret, string tenant)
    {
        Span<byte> bytes = stackalloc byte[TenantLength];
        Hash(secret, [tenant], bytes);
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    /// <summary>Reads 64 hexadecimal digits.</summary>
    /// <exception cref="FormatException">It is anything else.</exception>
    public static NamespaceKey Parse(string hex) =>
        Convert.FromHexString(hex) is { Length: Length } bytes
            ? new NamespaceKey(bytes)
            : throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"A namespace has {2 * Length} hexadecimal digits."));

    /// <summary>The 32 bytes.</summary>
    public void CopyTo(Span<byte> destination) => Span.CopyTo(destination);

    /// <summary>The key of 32 bytes.</summary>
    /// <exception cref="FormatException">They are more or fewer.</exception>
    public static NamespaceKey FromBytes(ReadOnlySpan<byte> bytes) => bytes.Length == Length
        ? new NamespaceKey(bytes)
        : throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"A namespace has {Length} bytes."));

    /// <summary>64 hexadecimal digits, lower case.</summary>
    public override string ToString() => Convert.ToHexStringLower(Span);

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

    /// <summary>Each field with its length before it: no two lists of fields are the same bytes.</summary>
    private static void Hash(ReadOnlySpan<byte> secret, ReadOnlySpan<string> fields, Span<byte> half)
    {
        using IncrementalHash hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (string field in fields)
        {
            byte[] text = Encoding.UTF8.GetBytes(field);
            BinaryPrimitives.WriteInt32LittleEndian(length, text.Length);
            hmac.AppendData(length);
            hmac.AppendData(text);
        }

        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hmac.GetHashAndReset(digest);
        digest[..half.Length].CopyTo(half);
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Bytes
    {
        public ulong A, B, C, D;
    }
}
