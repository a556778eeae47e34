using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Tests;

/// <summary>What a server keeps of its sessions, made whole again.</summary>
public sealed class StoredConversationsTests
{
    private static readonly NamespaceKey Key = NamespaceKey.Derive([1], "tenant", "model", "tokenizer");

    [Fact]
    public void TurnsOfInterleavedConversations_ComeBackWhole()
    {
        var random = new Random(3);
        FaultySequenceStore store = new();
        int[] system = Tokens(random, 150);
        List<int[]> sent = [];
        using (SuffixHistory history = new(500, 1 << 24, store))
        {
            int[][] conversations = [.. Enumerable.Range(0, 4).Select(_ => (int[])[.. system, .. Tokens(random, 40)])];
            for (int turn = 0; turn < 3; turn++)
            {
                for (int i = 0; i < conversations.Length; i++)
                {
                    int[] output = Tokens(random, 30);
                    using (SuffixSession session = history.BeginSession(Key, conversations[i]))
                        session.Append(output);
                    sent.Add([.. conversations[i], .. output]);
                    conversations[i] = [.. sent[^1], .. Tokens(random, 25)];
                }
            }
        }

        Assert.True(store.Kept.Sum(kept => kept.Tokens.Length) < sent.Sum(whole => whole.Length) / 2);
        var wholes = new StoredConversations();
        List<RecordedConversation> conversationsAgain = [.. store.Kept.Select(wholes.Add)];

        Assert.Equal(sent, conversationsAgain.Select(one => one.Segments.SelectMany(segment => segment.Tokens).ToArray()));
        Assert.All(conversationsAgain, one => Assert.Equal(30, one.Segments.Where(segment => segment.Written).Sum(segment => segment.Tokens.Length)));
        Assert.All(conversationsAgain, one => Assert.True(one.Segments[^1].Written));
    }

    [Fact]
    public void BeginningThatIsGone_LeavesTheRest()
    {
        var random = new Random(4);
        StoredSequence rest = new(Key, Tokens(random, 50)) { Runs = [new TokenRun(TokenKind.Prompt, 40), new TokenRun(TokenKind.Output, 10)] };

        RecordedConversation conversation = new StoredConversations().Add(rest);

        Assert.Equal([40, 10], conversation.Segments.Select(segment => segment.Tokens.Length));
        Assert.Equal([false, true], conversation.Segments.Select(segment => segment.Written));
    }

    private static int[] Tokens(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(500))];
}
