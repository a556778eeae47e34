using System.Runtime.InteropServices;

namespace Agentic.SuffixCache;

/// <summary>Memory outside the GC heap. Large blocks are pages of their own, which freeing gives back to the system at once.</summary>
/// <remarks>
/// glibc's malloc raises its threshold for pages of their own with each block that is freed, up to 32 MB; from then on large blocks lie in
/// its heap between others, and a cache that keeps its byte budget outgrows it by a third in resident memory (measured).
/// </remarks>
internal readonly unsafe partial record struct NativeBlock(nint Address, nuint Bytes)
{
    private const nuint OwnPages = 64 << 10, HugePage = 2 << 20;
    private const int Read = 1, Write = 2, Private = 2, Anonymous = 0x20, Populate = 0x8000, AdviseHugePages = 14;   // Linux

    /// <summary>Zeroed memory; at least a byte.</summary>
    /// <exception cref="InsufficientMemoryException">There is none.</exception>
    public static NativeBlock Allocate(long count, int size)
    {
        nuint bytes = (nuint)Math.Max(1, count * size);
        if (!HasOwnPages(bytes))
            return new NativeBlock((nint)NativeMemory.AllocZeroed(bytes), bytes);

        // Smaller blocks are filled soon after, and a fault for each of their pages would cost as much as filling them.
        return new NativeBlock(bytes < HugePage ? Map(bytes, Populate) : MapHugePages(bytes), bytes);
    }

    /// <summary>Gives back what is behind so many bytes.</summary>
    public NativeBlock Shrink(long count, int size)
    {
        nuint bytes = (nuint)Math.Max(1, count * size), page = (nuint)Environment.SystemPageSize;
        if (!HasOwnPages(Bytes))
            return new NativeBlock((nint)NativeMemory.Realloc((void*)Address, bytes), bytes);

        // What is left stays pages of its own, however little.
        nuint kept = Math.Max((bytes + page - 1) / page * page, OwnPages), held = (Bytes + page - 1) / page * page;
        if (kept < held)
            _ = Unmap(Address + (nint)kept, held - kept);
        return new NativeBlock(Address, Math.Min(kept, Bytes));
    }

    public void Free()
    {
        if (HasOwnPages(Bytes))
            _ = Unmap(Address, Bytes);
        else
            NativeMemory.Free((void*)Address);
    }

    private static nint Map(nuint bytes, int how = 0)
    {
        nint pages = Map(0, bytes, Read | Write, Private | Anonymous | how, -1, 0);
        return pages != -1 ? pages : throw new InsufficientMemoryException($"No memory for {bytes} bytes.");
    }

    /// <summary>Aligned, so that the system can take pages of 2 MB: the look-up of a page of 4 KB costs a search as much again as what it
    /// came for.</summary>
    private static nint MapHugePages(nuint bytes)
    {
        nuint size = (bytes + HugePage - 1) / HugePage * HugePage;
        nint mapped = Map(size + HugePage), aligned = (mapped + (nint)HugePage - 1) / (nint)HugePage * (nint)HugePage;
        nuint before = (nuint)(aligned - mapped), held = (bytes + (nuint)Environment.SystemPageSize - 1) / (nuint)Environment.SystemPageSize
            * (nuint)Environment.SystemPageSize;
        if (before > 0)
            _ = Unmap(mapped, before);
        _ = Unmap(aligned + (nint)held, size + HugePage - before - held);
        _ = Advise(aligned, bytes, AdviseHugePages);
        return aligned;
    }

    private static bool HasOwnPages(nuint bytes) => bytes >= OwnPages && OperatingSystem.IsLinux();

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint bytes, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint bytes);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint bytes, int advice);
}
