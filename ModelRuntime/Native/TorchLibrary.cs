using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Security.Cryptography;

namespace Agentic.ModelRuntime;

/// <summary>Loads libtorch and TorchSharp's native library, once, before TorchSharp is first used.</summary>
/// <remarks>Serving on a CPU needs neither (docs/design.md, "libtorch is optional"); training, CUDA tensors and the tests' reference
/// mathematics do.</remarks>
public static partial class TorchLibrary
{
    private static readonly Lazy<TorchStatus> Loaded = new(Load);

    /// <summary>Loads on first call and says what came of it. Never throws.</summary>
    public static TorchStatus Status => Loaded.Value;

    private static TorchStatus Load()
    {
        string? folder = TorchLocator.FindTorch(), library = TorchLocator.FindTorchSharp();
        if (folder is null || library is null)
        {
            string missing = TorchLocator.FileName(folder is null ? "torch_cpu" : "LibTorchSharp");
            return new TorchStatus(
                folder, false, $"{missing} is not here: build with -p:Torch=true or name its folder in {TorchLocator.Variable}");
        }

        // libgomp's threads spin while they wait: on shared cores 20 to 28 ms an operation, 0.46 ms without. .NET's own
        // SetEnvironmentVariable does not reach libc, where libgomp reads it as it is loaded.
        if (OperatingSystem.IsLinux())
            _ = SetEnvironment("OMP_WAIT_POLICY", "passive", overwrite: 0);

        try
        {
            foreach (string name in (ReadOnlySpan<string>)["c10", "torch_cpu", "torch", "c10_cuda", "torch_cuda"])
            {
                string path = Path.Combine(folder, TorchLocator.FileName(name));
                if (File.Exists(path))
                    NativeLibrary.Load(path);
            }

            (nint handle, bool mended) = LoadTorchSharp(library, CacheFolder);
            Offer(handle);
            return new TorchStatus(folder, mended, null);
        }
        catch (Exception e) when (
            e is DllNotFoundException or BadImageFormatException or InvalidDataException or IOException or UnauthorizedAccessException)
        {
            return new TorchStatus(
                folder, false, $"{library}: {e.Message.ReplaceLineEndings(" ").Trim()}");
        }
    }

    /// <summary>Loads the library as it is, or, where only the C++ runtime is too old for it, a mended private copy.</summary>
    private static (nint Handle, bool Mended) LoadTorchSharp(string library, string cache)
    {
        try
        {
            return (NativeLibrary.Load(library), false);
        }
        catch (DllNotFoundException e) when (OperatingSystem.IsLinux()
            && e.Message.Contains(ElfPatch.MissingVersion, StringComparison.Ordinal))
        {
            return (NativeLibrary.Load(Mend(library, cache)), true);
        }
    }

    /// <summary>Writes the mended copy of a library below a cache folder, named by the original's content, and returns its path.</summary>
    /// <exception cref="InvalidDataException">The library is damaged, or does not need mending.</exception>
    internal static string Mend(string library, string cache)
    {
        byte[] bytes = File.ReadAllBytes(library);
        string folder = Path.Combine(cache, Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]),
            copy = Path.Combine(folder, Path.GetFileName(library));
        if (!ElfPatch.Apply(bytes))
            throw new InvalidDataException($"does not ask for {ElfPatch.MissingVersion} in the known way");
        if (File.Exists(copy) && File.ReadAllBytes(copy).AsSpan().SequenceEqual(bytes))
            return copy;

        // Moved into place whole: another process may be loading the same copy now.
        Directory.CreateDirectory(folder);
        string part = Path.Combine(folder, Path.GetRandomFileName());
        File.WriteAllBytes(part, bytes);
        File.Move(part, copy, overwrite: true);
        return copy;
    }

    /// <summary>Gives TorchSharp, which asks by name, the library that is loaded.</summary>
    private static void Offer(nint handle)
    {
        Assembly torchSharp = Assembly.Load("TorchSharp");
        NativeLibrary.SetDllImportResolver(torchSharp, (name, _, _) => name == "LibTorchSharp" ? handle : 0);
        // Its start-up probes with NativeLibrary.TryLoad, which asks this event and not the resolver.
        AssemblyLoadContext.Default.ResolvingUnmanagedDll += (_, name) => name == "LibTorchSharp" ? handle : 0;
    }

    private static string CacheFolder => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache
            ? cache
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
        "agentic",
        "native");

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}

/// <summary>What came of loading libtorch.</summary>
/// <param name="Folder">Where it lies, or null if it was not found.</param>
/// <param name="Mended">Whether a mended copy of TorchSharp's library was needed.</param>
/// <param name="Problem">Why TorchSharp cannot be used, with the remedy; null if it can.</param>
public sealed record TorchStatus(string? Folder, bool Mended, string? Problem)
{
    /// <summary>Whether TorchSharp can be used.</summary>
    public bool IsUsable => Problem is null;
}
