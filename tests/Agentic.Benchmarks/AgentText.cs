namespace Agentic.Benchmarks;

/// <summary>Agents' conversations in small, the same from each seed: templates with slots, forks of them, and noise.</summary>
/// <remarks>
/// A turn is a tool's answer (lines of a stock of files, some read often) and a call written after one of the templates, of which the same
/// situation mostly brings the same continuation.
/// </remarks>
internal sealed class AgentText
{
    public const int Vocabulary = 100_000;

    private const int Files = 4000, Templates = 1500, Systems = 40;
    private readonly Random _random;
    private readonly int[][] _systems, _files, _templates;

    public AgentText(int seed)
    {
        _random = new Random(seed);
        _systems = Stock(Systems, 400, 1500);
        _files = Stock(Files, 50, 800);
        _templates = Stock(Templates, 10, 60);
    }

    /// <summary>A conversation's turns: what the model is given anew, then what it writes.</summary>
    public IEnumerable<(int[] Read, int[] Written)> Conversation(int turns)
    {
        int template = _random.Next(Templates);
        for (int turn = 0; turn < turns; turn++)
        {
            List<int> read = [], written = [];
            if (turn == 0)
                read.AddRange(_systems[Often(Systems)]);
            int[] file = _files[Often(Files)];
            int from = _random.Next(file.Length / 2);
            read.AddRange(file.AsSpan(from, _random.Next(1, file.Length - from)));
            for (int pieces = _random.Next(1, 5); pieces > 0; pieces--)
            {
                written.AddRange(_templates[template]);
                if (_random.Next(3) == 0)
                    written[^_random.Next(1, 8)] = Word();
                template = _random.Next(5) == 0 ? _random.Next(Templates) : ((template * 7) + 1) % Templates;
                if (_random.Next(3) == 0)
                    written.AddRange(file.AsSpan(from, Math.Min(30, file.Length - from)));
            }

            yield return ([.. read], [.. written]);
        }
    }

    /// <summary>About so many tokens of finished conversations, one array each.</summary>
    public IEnumerable<int[]> Conversations(long tokens)
    {
        while (tokens > 0)
        {
            int[] conversation = [.. Conversation(_random.Next(2, 12)).SelectMany(turn => turn.Read.Concat(turn.Written))];
            tokens -= conversation.Length;
            yield return conversation;
        }
    }

    private int[][] Stock(int count, int shortest, int longest) =>
        [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, _random.Next(shortest, longest)).Select(_ => Word()).ToArray())];

    /// <summary>A few are frequent, most are not.</summary>
    private int Often(int count) => (int)(count * Math.Pow(_random.NextDouble(), 3));

    private int Word() => (int)(Vocabulary * Math.Pow(_random.NextDouble(), 4));
}
