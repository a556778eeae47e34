using System.IO.Compression;
using System.Text;
using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>torch.save's archives: what is read, what is refused, and that nothing in them is executed.</summary>
public sealed class PickleFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void StateDict_IsRead()
    {
        using PickleFile file = PickleFile.Open(Path.Combine(TestFiles.Golden("heads", "eagle3-pickle"), "pytorch_model.bin"));

        Assert.Equal(("I64", "[200]"), (file.Entries["d2t"].Type, Weight.Describe(file.Entries["d2t"].Shape)));
        Assert.Equal(("F32", "[200, 64]"), (file.Entries["lm_head.weight"].Type, Weight.Describe(file.Entries["lm_head.weight"].Shape)));
    }

    [Theory]
    [InlineData("cposix\nsystem\n(X\u0004\0\0\0exittR.", "calls posix.system")]
    [InlineData("cbuiltins\neval\n(X\u0001\0\0\01tR.", "calls builtins.eval")]
    [InlineData("i", "instruction 0x69")]
    [InlineData("o.", "instruction 0x6f")]
    [InlineData("N.", "no dictionary of tensors")]
    [InlineData("}X\u00ff\u00ff\u00ff\u007fabc", "damaged")]
    [InlineData("0000", "damaged")]
    [InlineData("t.", "damaged")]
    [InlineData("}h\u0007", "damaged")]
    public void PickleThatIsNoStateDict_IsRefused(string pickle, string reason) =>
        Assert.Contains(reason, Refusal(Write(Encoding.Latin1.GetBytes(pickle))), StringComparison.Ordinal);

    [Fact]
    public void NoArchive_IsRefused()
    {
        string path = _directory["pytorch_model.bin"];
        File.WriteAllBytes(path, [1, 2, 3]);

        Assert.Contains("no zip archive", Refusal(path), StringComparison.Ordinal);
    }

    [Fact]
    public void DamagedArchives_AreReadOrRefusedInOneLine()
    {
        byte[] whole = File.ReadAllBytes(Path.Combine(TestFiles.Golden("heads", "eagle1"), "pytorch_model.bin"));
        var random = new Random(11);
        string path = _directory["pytorch_model.bin"];
        int refused = 0;
        for (int run = 0; run < 300; run++)
        {
            byte[] damaged = [.. whole];
            if (run % 3 == 0)
                damaged = damaged[..random.Next(damaged.Length)];
            else
                for (int i = 0; i < 20; i++)
                    damaged[random.Next(2) == 0 ? random.Next(1200) : damaged.Length - 1 - random.Next(1800)] = (byte)random.Next(256);
            File.WriteAllBytes(path, damaged);
            try
            {
                using PickleFile file = PickleFile.Open(path);
            }
            catch (ModelLoadException error)
            {
                refused++;
                Assert.DoesNotContain('\n', error.Message);
            }
        }

        Assert.InRange(refused, 150, 300);
    }

    private static string Refusal(string path) => Assert.Throws<ModelLoadException>(() => PickleFile.Open(path)).Message;

    private string Write(byte[] pickle)
    {
        string path = _directory["pytorch_model.bin"];
        using ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Create);
        using Stream entry = archive.CreateEntry("pytorch_model/data.pkl").Open();
        entry.Write(pickle);
        return path;
    }
}
