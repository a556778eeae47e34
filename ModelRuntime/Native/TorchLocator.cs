using System.Runtime.InteropServices;

namespace Agentic.ModelRuntime;

/// <summary>Where libtorch and TorchSharp's native library may lie.</summary>
internal static class TorchLocator
{
    /// <summary>libtorch's folder may be named here.</summary>
    public const string Variable = "AGENTIC_LIBTORCH";

    /// <summary>The same as a runtime configuration property: tests name the NuGet package, so that 0.6 GB are not copied beside
    /// them.</summary>
    public const string Property = "Agentic.LibTorch";

    /// <summary>The libtorch that TorchSharp 0.107 was built with; another misses symbols.</summary>
    public const string Version = "2.10.0";

    private const string TorchSharpVersion = "0.107.0";

    /// <summary>Name of a shared library's file on this system: libX.so, libX.dylib, X.dll.</summary>
    public static string FileName(string library) =>
        OperatingSystem.IsWindows() ? library + ".dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";

    /// <summary>The first folder that holds libtorch, or null.</summary>
    public static string? FindTorch() => Find(FileName("torch_cpu"), $"libtorch-cpu-{Rid}", Version);

    /// <summary>TorchSharp's own native library, or null.</summary>
    public static string? FindTorchSharp() =>
        Find(FileName("LibTorchSharp"), "torchsharp", TorchSharpVersion) is string folder
            ? Path.Combine(folder, FileName("LibTorchSharp")) : null;

    private static string Rid
    {
        get
        {
            string system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
            return $"{system}-{(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "x64")}";
        }
    }

    private static string? Find(string file, string package, string version)
    {
        string native = Path.Combine("runtimes", Rid, "native");
        string packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } folder
            ? folder
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        IEnumerable<string?> folders =
        [
            Environment.GetEnvironmentVariable(Variable),
            AppContext.GetData(Property) as string,
            AppContext.BaseDirectory,
            Path.Combine(AppContext.BaseDirectory, native),
            .. (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "").Split(Path.PathSeparator),
            .. (Environment.GetEnvironmentVariable("LD_LIBRARY_PATH") ?? "").Split(Path.PathSeparator),
            Path.Combine(packages, package, version, native),
        ];
        return folders.FirstOrDefault(folder => !string.IsNullOrEmpty(folder) && File.Exists(Path.Combine(folder, file)));
    }
}
