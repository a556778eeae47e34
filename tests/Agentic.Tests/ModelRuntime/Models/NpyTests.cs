using System.Text;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed class NpyTests
{
    [Fact]
    public void WrittenArrays_ReadBack()
    {
        using TemporaryDirectory directory = new();
        Npy.Write(directory["a.npy"], [1.5f, -2f, 3f, float.NaN, 5f, 6f], 2, 3);
        Npy.Write(directory["b.npy"], (ReadOnlySpan<int>)[7, int.MinValue], 2);
        Npy.Write(directory["c.npy"], [4f]);

        (float[] values, int[] shape) = Npy.ReadSingle(directory["a.npy"]);
        Assert.Equal([1.5f, -2f, 3f, float.NaN, 5f, 6f], values);
        Assert.Equal([2, 3], shape);
        Assert.Equal([7, int.MinValue], Npy.ReadInt32(directory["b.npy"]).Values);
        Assert.Empty(Npy.ReadSingle(directory["c.npy"]).Shape);
    }

    [Fact]
    public void Header_IsNumPysOwn()
    {
        byte[] golden = File.ReadAllBytes(TestFiles.Golden("models", "llama2-mha", "logits.npy"));
        (_, int[] shape) = Npy.ReadSingle(TestFiles.Golden("models", "llama2-mha", "logits.npy"));

        Assert.Equal(golden[..128], Npy.Header("<f4", shape));
        Assert.Contains("'shape': (3,), }", Encoding.ASCII.GetString(Npy.Header("<f4", [3])), StringComparison.Ordinal);
    }

    [Fact]
    public void OtherFiles_AreRefused()
    {
        using TemporaryDirectory directory = new();
        Npy.Write(directory["a.npy"], [1f], 1);
        File.WriteAllText(directory["b.npy"], "no array, only text");

        Assert.Throws<InvalidDataException>(() => Npy.ReadInt32(directory["a.npy"]));
        Assert.Throws<InvalidDataException>(() => Npy.ReadSingle(directory["b.npy"]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Npy.Write(directory["c.npy"], [1f, 2f], 3));
    }
}
