using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed class SafetensorsWriterTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public unsafe void Written_ReadsBackAlignedWithItsMetadata()
    {
        NamedTensor[] tensors =
        [
            new("marks", "BOOL", [3], [1, 0, 1]), new("b", "BF16", [1, 3], [1, 2, 3, 4, 5, 6]), new("a", "F32", [2], [1, 2, 3, 4, 5, 6, 7, 8]),
            new("ids", "I64", [1], [9, 0, 0, 0, 0, 0, 0, 0]),
        ];

        SafetensorsWriter.Write(_directory["x"], tensors, new Dictionary<string, string> { ["note"] = "ä\"" });

        using SafetensorsFile file = SafetensorsFile.Open(_directory["x"]);
        Assert.Equal(4, file.Entries.Count);
        foreach (NamedTensor tensor in tensors)
        {
            TensorFile.Entry entry = file.Entries[tensor.Name];
            Assert.Equal((tensor.Type, 0), (entry.Type, entry.Offset % (tensor.Bytes.Length / tensor.Shape.Aggregate(1, (a, b) => a * b))));
            Assert.Equal(tensor.Shape, entry.Shape);
            Assert.Equal(tensor.Bytes, new ReadOnlySpan<byte>((void*)(file.Start + (nint)entry.Offset), (int)entry.Bytes).ToArray());
        }

        Assert.Equal("ä\"", SafetensorsWriter.ReadMetadata(_directory["x"])["note"]);
        Assert.Equal("pt", SafetensorsWriter.ReadMetadata(_directory["x"])["format"]);
        Assert.Single(Directory.GetFiles(_directory.Path));
    }
}
