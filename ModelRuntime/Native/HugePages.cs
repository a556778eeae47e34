using System.Runtime.InteropServices;

namespace Agentic.ModelRuntime;

/// <summary>Asks Linux for pages of 2 MB: of pages of 4 KB the processor's tables hold too few for a model's weights and keys.</summary>
internal static unsafe partial class HugePages
{
    private const nuint Size = 2 << 20, CacheLine = 64;
    private const int AdviseHugePages = 14;

    /// <summary>Where memory of so many bytes is best begun: at a page if it fills one, else at a cache line.</summary>
    public static nuint AlignmentOf(nuint bytes) => bytes >= Size ? Size : CacheLine;

    /// <summary>Asks for it, of whole large pages; what the system makes of it is up to it.</summary>
    public static void Prefer(void* start, nuint bytes)
    {
        if (bytes >= Size && OperatingSystem.IsLinux())
            _ = Advise(start, bytes / Size * Size, AdviseHugePages);
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint bytes, int advice);
}
