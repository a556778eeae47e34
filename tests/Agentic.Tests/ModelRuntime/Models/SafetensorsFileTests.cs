using System.Text;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>Damaged files are refused with a line that says where and what, and never read beyond their end.</summary>
public sealed class SafetensorsFileTests
{
    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4, "truncated")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 12, "4 bytes behind its last tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}""", 6, "inside the tensor before it")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""", 12, "4 bytes after the tensor before it ends")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "4 bytes after")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "no range")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", 8, "no range")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}}""", 8, "data_offsets span")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2147483647,2147483647,2],"data_offsets":[0,9223372028264841218]}}""", 8, "truncated")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "12 bytes, but its data_offsets span 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "no shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,8]}}""", 8, "no shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,8]}}""", 8, "no shape")]
    [InlineData("""{"a":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}}""", 8, "unknown dtype Q4")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", 8, "lacks dtype, shape or two data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, "lacks dtype, shape or two data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,"8"]}}""", 8, "lacks dtype, shape or two data_offsets")]
    [InlineData("""{"a":[]}""", 0, "lacks dtype, shape or two data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "named twice")]
    [InlineData("""[]""", 0, "not an object")]
    [InlineData("""{"a":""", 0, "no valid JSON")]
    [InlineData("\u0080\u0004}q", 0, "no valid JSON")]
    [InlineData("", 0, "no valid JSON")]
    public void DamagedFile_IsRefusedWithItsFault(string header, int dataBytes, string fault)
    {
        using TemporaryDirectory directory = new();
        File.WriteAllBytes(directory["model.safetensors"], Safetensors.Bytes(header, new byte[dataBytes]));

        ModelLoadException error = Assert.Throws<ModelLoadException>(() => SafetensorsFile.Open(directory["model.safetensors"]));

        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(directory["model.safetensors"], error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData(0, "too few")]
    [InlineData(7, "too few")]
    public void ShortFile_IsRefused(int length, string fault)
    {
        using TemporaryDirectory directory = new();
        File.WriteAllBytes(directory["a"], new byte[length]);
        Assert.Contains(fault, Assert.Throws<ModelLoadException>(() => SafetensorsFile.Open(directory["a"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1000, "truncated")]
    [InlineData(100_000_001, "above the format's 100 MB")]
    [InlineData(-1, "above the format's 100 MB")]
    public void HeaderLengthBeyondTheFile_IsRefused(long length, string fault)
    {
        using TemporaryDirectory directory = new();
        File.WriteAllBytes(directory["a"], Safetensors.Bytes("{}", [], length));
        Assert.Contains(fault, Assert.Throws<ModelLoadException>(() => SafetensorsFile.Open(directory["a"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryTruncationOfASoundFile_IsRefused()
    {
        using TemporaryDirectory directory = new();
        byte[] sound = Safetensors.Bytes([("a", [2, 3], [1, 2, 3, 4, 5, 6]), ("b", [], [7]), ("c", [0, 4], [])]);
        File.WriteAllBytes(directory["sound"], sound);
        using (SafetensorsFile file = SafetensorsFile.Open(directory["sound"]))
            Assert.Equal(["a", "b", "c"], file.Entries.Keys.Order(StringComparer.Ordinal));

        for (int length = 0; length < sound.Length; length++)
        {
            File.WriteAllBytes(directory["cut"], sound[..length]);
            Assert.Throws<ModelLoadException>(() => SafetensorsFile.Open(directory["cut"]));
        }
    }

    [Fact]
    public void FlippedHeaderBytes_AreRefusedOrReadWithinTheFile()
    {
        using TemporaryDirectory directory = new();
        byte[] sound = Safetensors.Bytes([("a", [2, 3], [1, 2, 3, 4, 5, 6]), ("b", [1], [7])]);
        Random random = new(5);
        for (int i = 0; i < 2000; i++)
        {
            byte[] damaged = [.. sound];
            damaged[random.Next(damaged.Length - 28)] = (byte)random.Next(256);
            File.WriteAllBytes(directory["a"], damaged);
            try
            {
                using SafetensorsFile file = SafetensorsFile.Open(directory["a"]);
                Assert.All(file.Entries.Values, entry => Assert.InRange(entry.Offset + entry.Bytes, entry.Offset, damaged.Length));
            }
            catch (ModelLoadException error)
            {
                Assert.StartsWith(directory["a"], error.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void MetadataAndPaddedHeader_AreRead()
    {
        using TemporaryDirectory directory = new();
        const string Header = """{"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}}   """;
        File.WriteAllBytes(directory["a"], Safetensors.Bytes(Header, [0, 0, 0x80, 0x3F]));

        using SafetensorsFile file = SafetensorsFile.Open(directory["a"]);

        (string name, SafetensorsFile.Entry entry) = Assert.Single(file.Entries);
        Assert.Equal(("a", "BF16", 4L, 8L + Encoding.UTF8.GetByteCount(Header)), (name, entry.Type, entry.Bytes, entry.Offset));
        Assert.Equal([1, 2], entry.Shape);
    }
}
