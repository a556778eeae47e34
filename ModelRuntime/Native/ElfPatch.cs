using System.Buffers.Binary;

namespace Agentic.ModelRuntime;

/// <summary>Lets TorchSharp's native library load where the C++ runtime is older than the one it was linked with.</summary>
/// <remarks>
/// TorchSharp 0.107's libLibTorchSharp.so asks for GLIBCXX_3.4.32 (GCC 13) for one symbol, <c>std::ios_base_library_init()</c>, whose
/// call only makes sure that the streams are set up; older runtimes do that by themselves. Debian 12 and Ubuntu 22.04 end at 3.4.30. Two
/// edits: the version need becomes weak, and the symbol is bound inside the library, to its own initialiser, which is safe to call again.
/// </remarks>
internal static class ElfPatch
{
    public const string MissingVersion = "GLIBCXX_3.4.32";
    private const string Symbol = "_ZSt21ios_base_library_initv";
    private const ulong Init = 12, VersionNeed = 0x6ffffffe, VersionNeedCount = 0x6fffffff;
    private const byte WeakVersion = 2, HiddenVisibility = 2;
    private const ushort AnySection = 1;

    /// <summary>Edits a library in memory.</summary>
    /// <returns>Whether it asked for the version and no longer does.</returns>
    /// <exception cref="InvalidDataException">It is not an ELF library, or is damaged.</exception>
    public static bool Apply(byte[] library)
    {
        var image = new ElfImage(library);
        if (image.Dynamic(VersionNeed) is null || image.Dynamic(VersionNeedCount) is null)
            return false;

        ulong? versionFlags = FindVersionNeed(image);
        ulong symbol = image.UndefinedSymbols().FirstOrDefault(symbol => image.Text(image.UInt32(symbol)) == Symbol);
        if (versionFlags is not ulong flags || symbol == 0)
            return false;

        ulong initialiser = image.Dynamic(Init) ?? throw new InvalidDataException("damaged: it has no initialiser");
        Span<byte> bytes = image.Bytes;
        bytes[(int)flags] |= WeakVersion;
        bytes[(int)symbol + 5] = HiddenVisibility;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[((int)symbol + 6)..], AnySection);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[((int)symbol + 8)..], initialiser);
        return true;
    }

    /// <summary>File offset of the flags of the need for <see cref="MissingVersion"/>.</summary>
    private static ulong? FindVersionNeed(ElfImage image)
    {
        ulong need = image.Table(VersionNeed);
        for (ulong left = image.Dynamic(VersionNeedCount)!.Value; left > 0; left--)
        {
            ulong auxiliary = need + image.UInt32(need + 8);
            for (int versions = image.UInt16(need + 2); versions > 0; versions--)
            {
                if (image.Text(image.UInt32(auxiliary + 8)) == MissingVersion)
                    return auxiliary + 4;
                auxiliary += Next(image.UInt32(auxiliary + 12), versions);
            }

            need += Next(image.UInt32(need + 12), (long)Math.Min(left, long.MaxValue));
        }

        return null;

        // A chain whose links stand still would be walked as often as a damaged count says.
        static ulong Next(uint step, long left) =>
            step != 0 || left == 1 ? step : throw new InvalidDataException("damaged: version needs do not end");
    }
}
