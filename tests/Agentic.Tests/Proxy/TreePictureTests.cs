using Agentic.ModelRuntime;
using Agentic.Proxy;

namespace Agentic.Tests;

public sealed class TreePictureTests
{
    [Fact]
    public void Tree_IsDrawnWithWhatEachSourceSaidAndWhatBecameOfIt()
    {
        Tokenizer tokenizer = Tokenizer.Load(BundledModel.Directory!);
        int[] ids = [.. "abcd".Select(letter => tokenizer.Encode(letter.ToString(), addSpecialTokens: false)[0])];
        var trace = new DraftTrace(
            [ids[0]],
            [
                new DraftTraceNode(ids[1], -1, 0.8f, [(DraftSource.Suffix, 0.7f), (DraftSource.Eagle, 0.6f)], true, true),
                new DraftTraceNode(ids[2], 0, 0.4f, [(DraftSource.Eagle, 0.5f)], true, false),
                new DraftTraceNode(ids[3], -1, 0.05f, [(DraftSource.Suffix, 0.1f)], false, false),
            ],
            [ids[1], ids[3]]);

        string[] lines = TreePicture.Draw(trace, tokenizer).Split(Environment.NewLine);

        Assert.Equal("… a", lines[0]);
        Assert.Matches(@"^├─ b +✓ 0\.80  suffix 0\.70 eagle 0\.60$", lines[1]);
        Assert.Matches(@"^│  └─ c +· 0\.40  eagle 0\.50$", lines[2]);
        Assert.Matches(@"^└─ d +  0\.05  suffix 0\.10$", lines[3]);
        Assert.Equal("written: bd", lines[4]);
        Assert.True(TreePicture.Interest(trace) > 0);
        Assert.Equal(0, TreePicture.Interest(trace with { Nodes = [] }));
    }
}
