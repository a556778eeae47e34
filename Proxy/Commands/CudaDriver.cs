using System.Runtime.InteropServices;

namespace Agentic.Proxy;

/// <summary>Whether there is a CUDA device and a compiler for it. Asks the driver by name, so nothing is needed where there is
/// none.</summary>
internal static unsafe class CudaDriver
{
    /// <summary>Driver version and number of devices, or null without any.</summary>
    public static string? Describe()
    {
        if (!NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1", out nint driver))
            return null;
        if (!NativeLibrary.TryGetExport(driver, "cuInit", out nint initialise)
            || !NativeLibrary.TryGetExport(driver, "cuDriverGetVersion", out nint getVersion)
            || !NativeLibrary.TryGetExport(driver, "cuDeviceGetCount", out nint getCount))
            return null;

        int version = 0, count = 0;
        bool answered = ((delegate* unmanaged<uint, int>)initialise)(0) == 0
            && ((delegate* unmanaged<int*, int>)getVersion)(&version) == 0
            && ((delegate* unmanaged<int*, int>)getCount)(&count) == 0;
        return answered && count > 0 ? $"CUDA {version / 1000}.{version % 1000 / 10}, {count} device{(count == 1 ? "" : "s")}" : null;
    }

    /// <summary>The library through which kernels are compiled at start: libtorch's own, or one of the system's.</summary>
    public static string? FindCompiler(string? torchFolder)
    {
        string? bundled = torchFolder is null ? null : Path.Combine(torchFolder, "libcaffe2_nvrtc.so");
        if (File.Exists(bundled))
            return bundled;
        foreach (string name in (ReadOnlySpan<string>)["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"])
        {
            if (NativeLibrary.TryLoad(name, out _))
                return name;
        }

        return null;
    }
}
