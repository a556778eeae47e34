using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Agentic.Kernels;

/// <summary>Asks for memory before it is needed. Any address may be named; nothing is read that could fault.</summary>
internal static unsafe class Prefetch
{
    private const int LineBytes = 64;

    /// <summary>One line into the first-level cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Line(byte* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch0(address);
    }

    /// <summary>So many bytes, a constant of up to eight lines, into the first-level cache or into the second.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Lines(byte* address, int bytes, bool near)
    {
        if (!Sse.IsSupported)
            return;
        if (near)
        {
            Sse.Prefetch0(address);
            if (bytes > LineBytes) Sse.Prefetch0(address + LineBytes);
            if (bytes > 2 * LineBytes) Sse.Prefetch0(address + 2 * LineBytes);
            if (bytes > 3 * LineBytes) Sse.Prefetch0(address + 3 * LineBytes);
            if (bytes > 4 * LineBytes) Sse.Prefetch0(address + 4 * LineBytes);
            if (bytes > 5 * LineBytes) Sse.Prefetch0(address + 5 * LineBytes);
            if (bytes > 6 * LineBytes) Sse.Prefetch0(address + 6 * LineBytes);
            if (bytes > 7 * LineBytes) Sse.Prefetch0(address + 7 * LineBytes);
        }
        else
        {
            Sse.Prefetch1(address);
            if (bytes > LineBytes) Sse.Prefetch1(address + LineBytes);
            if (bytes > 2 * LineBytes) Sse.Prefetch1(address + 2 * LineBytes);
            if (bytes > 3 * LineBytes) Sse.Prefetch1(address + 3 * LineBytes);
            if (bytes > 4 * LineBytes) Sse.Prefetch1(address + 4 * LineBytes);
            if (bytes > 5 * LineBytes) Sse.Prefetch1(address + 5 * LineBytes);
            if (bytes > 6 * LineBytes) Sse.Prefetch1(address + 6 * LineBytes);
            if (bytes > 7 * LineBytes) Sse.Prefetch1(address + 7 * LineBytes);
        }
    }
}
