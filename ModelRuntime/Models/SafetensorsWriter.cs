using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Agentic.ModelRuntime;

/// <summary>A tensor to be written.</summary>
/// <param name="Name">In the file.</param>
/// <param name="Type">As safetensors spells it: F32, BF16, I64, BOOL, ….</param>
/// <param name="Shape">Row-major.</param>
/// <param name="Bytes">Little-endian.</param>
internal sealed record NamedTensor(string Name, string Type, int[] Shape, byte[] Bytes);

/// <summary>Writes a safetensors file, whole or not at all.</summary>
/// <remarks>Wide types come first and names rise within a type: every tensor is aligned, and what is computed as one lies side by side.</remarks>
internal static class SafetensorsWriter
{
    private const int Alignment = 8;

    /// <summary>What was there stays until the new file is whole.</summary>
    public static void Write(string path, IEnumerable<NamedTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        NamedTensor[] ordered =
            [.. tensors.OrderByDescending(tensor => BytesOf(tensor.Type)).ThenBy(tensor => tensor.Name, StringComparer.Ordinal)];
        JsonObject header = new() { ["__metadata__"] = new JsonObject(Metadata(metadata)) };
        long end = 0;
        foreach (NamedTensor tensor in ordered)
        {
            header[tensor.Name] = new JsonObject
            {
                ["dtype"] = tensor.Type,
                ["shape"] = new JsonArray([.. tensor.Shape.Select(size => (JsonNode)size)]),
                ["data_offsets"] = new JsonArray(end, end += tensor.Bytes.Length),
            };
        }

        byte[] json = JsonSerializer.SerializeToUtf8Bytes(header);
        byte[] head = new byte[sizeof(long) + ((json.Length + Alignment - 1) / Alignment * Alignment)];
        head.AsSpan().Fill((byte)' ');
        BinaryPrimitives.WriteInt64LittleEndian(head, head.Length - sizeof(long));
        json.CopyTo(head, sizeof(long));

        string unfinished = path + ".part";
        using (FileStream file = File.Create(unfinished))
        {
            file.Write(head);
            foreach (NamedTensor tensor in ordered)
                file.Write(tensor.Bytes);
            file.Flush(flushToDisk: true);
        }

        File.Move(unfinished, path, overwrite: true);
    }

    /// <summary>What a file says of itself beside its tensors.</summary>
    /// <exception cref="ModelLoadException">The file is damaged.</exception>
    public static IReadOnlyDictionary<string, string> ReadMetadata(string path)
    {
        SafetensorsFile.Open(path).Dispose();   // holds the file to the format
        using FileStream file = File.OpenRead(path);
        byte[] length = new byte[sizeof(long)];
        file.ReadExactly(length);
        byte[] json = new byte[BinaryPrimitives.ReadInt64LittleEndian(length)];
        file.ReadExactly(json);
        JsonObject? metadata = JsonNode.Parse(json)!["__metadata__"] as JsonObject;
        return metadata?.ToDictionary(pair => pair.Key, pair => (string?)pair.Value ?? "") ?? [];
    }

    // The reference library marks its files so, and readers of other languages look for it.
    private static IEnumerable<KeyValuePair<string, JsonNode?>> Metadata(IReadOnlyDictionary<string, string>? metadata) =>
        (metadata ?? new Dictionary<string, string>()).Append(new("format", "pt"))
            .Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value));

    private static int BytesOf(string type) => type switch
    {
        "I64" => 8,
        "F32" or "I32" => 4,
        "BF16" or "F16" => 2,
        "BOOL" => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };
}
