namespace Agentic.Tests;

/// <summary>The promises of the repository's shape that a compiler does not check.</summary>
public sealed class SolutionTests
{
    [Fact]
    public void References_PointAwayFromHttp()
    {
        string[] kernels = References("Agentic.Kernels"), suffixCache = References("Agentic.SuffixCache"), runtime = References("Agentic.ModelRuntime");

        Assert.DoesNotContain(kernels, name => name.StartsWith("Agentic.", StringComparison.Ordinal));
        Assert.DoesNotContain(suffixCache, name => name.StartsWith("Agentic.", StringComparison.Ordinal));
        Assert.DoesNotContain("agentic", runtime);
    }

    private static string[] References(string assembly) =>
        [.. System.Reflection.Assembly.Load(assembly).GetReferencedAssemblies().Select(reference => reference.Name!)];
}
