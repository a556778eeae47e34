using System.Text;
using Agentic.Proxy;
using CsCheck;

namespace Agentic.Tests;

public sealed class ForcedCallTests
{
    private const string Start = "<tool_call>\n{\"name\": \"";

    [Fact]
    public void AnyDrawsUnderTheMask_WriteOneOfTheStarts()
    {
        FakeCodec codec = new(callMarkersAreSpecial: true);
        string[] names = ["get", "get_all", "é\"x"];
        string[] starts = [.. names.Select(name => $"{Start}{(name == "é\"x" ? "\\u00E9\\u0022x" : name)}\", \"arguments\": ")];
        Gen.Int[0, int.MaxValue].Array[200].Sample(draws =>
        {
            ForcedCall rule = ForcedCall.OfFunctions(codec, names);
            List<int> written = [];
            foreach (int draw in draws.TakeWhile(_ => rule.IsActive))
            {
                float[] logits = new float[codec.VocabularySize + 5];
                rule.Mask(logits);
                int[] left = [.. Enumerable.Range(0, logits.Length).Where(id => logits[id] == 0)];
                Assert.NotEmpty(left);
                Assert.All(left, id => Assert.True(rule.Allows(id)));
                written.Add(left[draw % left.Length]);
                rule.Advance(written[^1]);
            }

            Assert.False(rule.IsActive);
            string text = codec.TextOf(written);
            Assert.True(starts.Any(start => text.StartsWith(start, StringComparison.Ordinal)), text);
            Assert.True(rule.Restart().IsActive);
        }, iter: 500);
    }

    [Fact]
    public void TokenPastTheEnd_IsAllowed()
    {
        FakeCodec codec = new();
        ForcedCall rule = new(codec, [Encoding.UTF8.GetBytes("He")]);

        Assert.True(rule.Allows(256));   // "Hello"
        Assert.False(rule.Allows(FakeCodec.End));
        rule.Advance(256);
        Assert.False(rule.IsActive);
        Assert.True(rule.Allows(FakeCodec.End));
    }
}
