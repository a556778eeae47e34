using System.Runtime.InteropServices;

namespace Agentic.ModelRuntime;

/// <summary>What Linux is told of memory: elsewhere nothing.</summary>
internal static unsafe partial class Pages
{
    private const nuint Huge = 2 << 20, CacheLine = 64;
    private const int DoNotNeed = 4, AdviseHugePages = 14;

    /// <summary>Where memory of so many bytes is best begun: at a large page if it fills one, else at a cache line.</summary>
    public static nuint AlignmentOf(nuint bytes) => bytes >= Huge ? Huge : CacheLine;

    /// <summary>Asks for pages of 2 MB, as far as they are whole: of pages of 4 KB the processor's tables hold too few for a model's weights and keys.
    /// What the system makes of it is up to it.</summary>
    public static void PreferHuge(void* start, nuint bytes)
    {
        if (bytes >= Huge && OperatingSystem.IsLinux())
            _ = Advise(start, bytes / Huge * Huge, AdviseHugePages);
    }

    /// <summary>Gives back the whole pages of a stretch of a mapped file. They come again if they are read.</summary>
    public static void DropMapped(nint start, long bytes)
    {
        nint page = Environment.SystemPageSize, first = (start + page - 1) / page * page, end = (start + (nint)bytes) / page * page;
        if (end > first && OperatingSystem.IsLinux())
            _ = Advise((void*)first, (nuint)(end - first), DoNotNeed);
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint bytes, int advice);
}
