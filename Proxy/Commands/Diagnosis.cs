using System.CommandLine;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Agentic.Kernels;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>Looks at the machine as the server would find it. A look that fails is a finding.</summary>
internal static class Diagnosis
{
    private static readonly TimeSpan RedisPatience = TimeSpan.FromSeconds(2);

    public static async Task<List<Finding>> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        List<Finding> findings = [Processor(), Memory(), .. Torch(), .. Cuda()];
        ServeOptions options;
        try
        {
            options = ServeOptions.Read(parsed, ServeCommand.Configuration());
        }
        catch (CommandException e)
        {
            return [.. findings, new Finding("settings", FindingLevel.Stops, e.Message, "mend the setting")];
        }

        findings.Add(Model(options));
        findings.Add(DataDirectory(options));
        findings.AddRange(options.Urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Address));
        cancellation.ThrowIfCancellationRequested();
        findings.Add(await RedisAsync(options, cancellation));
        return findings;
    }

    private static Finding Processor()
    {
        string simd = Vector512.IsHardwareAccelerated ? "512-bit SIMD" : Vector256.IsHardwareAccelerated ? "256-bit SIMD"
            : Vector128.IsHardwareAccelerated ? "128-bit SIMD" : "no SIMD";
        string fused = Fma.IsSupported ? ", FMA" : "";
        string found = $"{Environment.ProcessorCount} cores, {RuntimeInformation.ProcessArchitecture}, {simd}{fused}";
        return Vector128.IsHardwareAccelerated
            ? new Finding("processor", FindingLevel.Good, found)
            : new Finding("processor", FindingLevel.Absent, found, "computing will be slow");
    }

    private static Finding Memory() =>
        new("memory", FindingLevel.Good, $"{ByteSize.Format(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)} for this process");

    private static IEnumerable<Finding> Torch()
    {
        TorchStatus status = TorchLibrary.Status;
        string mended = status.Mended ? " (TorchSharp's library was mended for this system's C++ runtime)" : "";
        yield return status.Problem is string problem
            ? new Finding("libtorch", FindingLevel.Absent, $"{problem}", "not needed for serving on a CPU")
            : new Finding("libtorch", FindingLevel.Good, $"{status.Folder}{mended}");
    }

    private static IEnumerable<Finding> Cuda()
    {
        const string Remedy = "not needed for serving on a CPU";
        yield return CudaDriver.Describe() is string devices
            ? new Finding("CUDA driver", FindingLevel.Good, devices)
            : new Finding("CUDA driver", FindingLevel.Absent, "none with a device", Remedy);
        yield return CudaDriver.FindCompiler(TorchLibrary.Status.Folder) is string compiler
            ? new Finding("NVRTC", FindingLevel.Good, compiler)
            : new Finding("NVRTC", FindingLevel.Absent, "not found", Remedy);
    }

    private static Finding Model(ServeOptions options)
    {
        string directory = options.ModelDirectory;
        string[] missing =
        [
            .. Absent("config.json", "config.json"),
            .. Absent("weights (*.safetensors)", "*.safetensors"),
            .. Absent("a tokenizer (tokenizer.json or tokenizer.model)", "tokenizer.json", "tokenizer.model"),
        ];
        return missing.Length > 0
            ? new Finding("model", FindingLevel.Stops, $"{directory} lacks {string.Join(", ", missing)}", "download the checkpoint whole")
            : Unreadable(directory) is { } why
            ? new Finding("model", FindingLevel.Stops, why, "mend the file, or name another checkpoint with --model")
            : new Finding("model", FindingLevel.Good, directory);

        IEnumerable<string> Absent(string what, params string[] patterns) =>
            patterns.Any(pattern => Directory.EnumerateFiles(directory, pattern).Any()) ? [] : [what];
    }

    /// <summary>What would stop the server as it reads a checkpoint, or null. Large weights are mapped, and not read.</summary>
    private static string? Unreadable(string directory)
    {
        try
        {
            using var kernels = new CpuKernels(threads: 1);
            Transformer.Load(directory, new ModelOptions(ModelStorage.Auto), kernels).Dispose();
            Tokenizer.Load(directory);
            ChatTemplate.Find(directory);
            GenerationConfig.Read(directory);
            return null;
        }
        catch (Exception e) when (e is ModelLoadException or ChatTemplateException or IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    private static Finding DataDirectory(ServeOptions options)
    {
        string directory = options.DataDirectory;
        try
        {
            Directory.CreateDirectory(directory);
            string probe = Path.Combine(directory, Path.GetRandomFileName());
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
            string held = Path.Combine(options.StoreDirectory, "lock");
            if (options.Redis is null && File.Exists(held))
                File.Open(held, FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
            return new Finding("data directory", FindingLevel.Good, directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new Finding("data directory", FindingLevel.Stops, $"{directory}: {e.Message}",
                "stop the server that uses it, or name another that can be written with --data");
        }
    }

    private static Finding Address(string url)
    {
        if (!Uri.TryCreate(url.Replace("*", "0.0.0.0", StringComparison.Ordinal).Replace("+", "0.0.0.0", StringComparison.Ordinal),
            UriKind.Absolute, out Uri? uri))
            return new Finding("address", FindingLevel.Stops, $"'{url}' is no URL", "write it as http://127.0.0.1:8000");
        try
        {
            IPAddress address = IPAddress.TryParse(uri.Host.Trim('[', ']'), out IPAddress? parsed)
                ? parsed : Dns.GetHostAddresses(uri.Host)[0];
            using var listener = new TcpListener(address, uri.Port);
            listener.Start();
            return new Finding("address", FindingLevel.Good, $"{url} is free");
        }
        catch (SocketException e)
        {
            return new Finding("address", FindingLevel.Stops, $"{url}: {e.Message}",
                "stop what listens there, or name another with --port");
        }
    }

    private static async Task<Finding> RedisAsync(ServeOptions options, CancellationToken cancellation)
    {
        if (options.Redis is not string redis)
            return new Finding("store", FindingLevel.Good, "embedded, in the data directory");
        await using var store = new RedisSequenceStore(new SequenceStoreOptions { Redis = redis, Timeout = RedisPatience });
        try
        {
            await store.CheckAsync(cancellation);   // once connected
            long began = Stopwatch.GetTimestamp();
            await store.CheckAsync(cancellation);
            return new Finding("store", FindingLevel.Good,
                $"{options.RedisName} takes and deletes a key in {Stopwatch.GetElapsedTime(began).TotalMilliseconds:0.0} ms");
        }
        catch (SequenceStoreException e)
        {
            return new Finding("store", FindingLevel.Absent, e.Message, "requests are served meanwhile; what is learned is kept once it does");
        }
    }
}
