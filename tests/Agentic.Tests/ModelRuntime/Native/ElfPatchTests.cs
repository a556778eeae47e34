using Agentic.ModelRuntime;

namespace Agentic.Tests;

/// <summary>The mending of TorchSharp's library, on the library itself and on damaged copies of it.</summary>
public sealed class ElfPatchTests
{
    private static readonly string? Library = OperatingSystem.IsLinux() ? TorchLocator.FindTorchSharp() : null;

    public static bool HasLibrary => Library is not null;

    private const string NoLibrary = "TorchSharp's Linux library is not here";

    [Fact(Skip = NoLibrary, SkipUnless = nameof(HasLibrary))]
    public void Library_IsMendedInFourPlaces()
    {
        byte[] before = File.ReadAllBytes(Library!), after = File.ReadAllBytes(Library!);

        Assert.True(ElfPatch.Apply(after));

        int changed = before.Zip(after).Count(pair => pair.First != pair.Second);
        Assert.InRange(changed, 4, 1 + 1 + 2 + 8); // flags, visibility, section, value
    }

    [Fact(Skip = NoLibrary, SkipUnless = nameof(HasLibrary))]
    public void MendedLibrary_NeedsNoSecondMending()
    {
        byte[] library = File.ReadAllBytes(Library!);
        Assert.True(ElfPatch.Apply(library));

        Assert.False(ElfPatch.Apply(library));
    }

    [Fact(Skip = NoLibrary, SkipUnless = nameof(HasLibrary))]
    public void DamagedLibrary_IsRefusedOrLeftAlone()
    {
        byte[] library = File.ReadAllBytes(Library!);
        var random = new Random(20261123);
        int refused = 0;
        for (int i = 0; i < 300; i++)
        {
            byte[] damaged = library[..(i % 3 == 0 ? random.Next(library.Length) : library.Length)];
            for (int hits = random.Next(1, 40); hits > 0 && damaged.Length > 64; hits--)
                damaged[i % 2 == 0 ? random.Next(damaged.Length) : random.Next(32, Math.Min(damaged.Length, 1024))] =
                    (byte)random.Next(256);
            if (Record.Exception(() => ElfPatch.Apply(damaged)) is Exception e)
            {
                Assert.IsType<InvalidDataException>(e);
                refused++;
            }
        }

        Assert.InRange(refused, 50, 300);
    }

    [Theory]
    [InlineData("")]
    [InlineData("#!/bin/sh")]
    [InlineData("\u007fELF\u0001\u0001 and nothing of what should follow in a library of 32 bits, at some length")]
    public void OtherFile_IsRefused(string content) =>
        Assert.Contains("ELF", Assert.Throws<InvalidDataException>(
            () => ElfPatch.Apply(System.Text.Encoding.UTF8.GetBytes(content))).Message);

    [Fact(Skip = NoLibrary, SkipUnless = nameof(HasLibrary))]
    public void Mend_WritesOnceAndRepairsADamagedCopy()
    {
        string cache = Directory.CreateTempSubdirectory("agentic-native-").FullName;
        try
        {
            string copy = TorchLibrary.Mend(Library!, cache);
            byte[] mended = File.ReadAllBytes(copy);
            DateTime written = File.GetLastWriteTimeUtc(copy);

            Assert.Equal(copy, TorchLibrary.Mend(Library!, cache));
            Assert.Equal(written, File.GetLastWriteTimeUtc(copy));

            File.WriteAllBytes(copy, mended[..1000]);
            Assert.Equal(mended, File.ReadAllBytes(TorchLibrary.Mend(Library!, cache)));
        }
        finally
        {
            Directory.Delete(cache, recursive: true);
        }
    }
}
