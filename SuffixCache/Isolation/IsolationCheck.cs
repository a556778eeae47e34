namespace Agentic.SuffixCache;

/// <summary>Plays tenants that share no token against one cache, so that a single foreign token in a draft gives a leak away.</summary>
/// <remarks>
/// Sequences of all tenants are decoded side by side, while others are loaded, tenants are erased, and a budget far too small evicts all the
/// time. A tenant that was erased goes on with other tokens: what it drafts of the old ones is foreign too.
/// </remarks>
public sealed class IsolationCheck
{
    private const int Tenants = 6, Groups = 61, Words = 400, LiveSessions = 12;
    private const long ByteBudget = 2 << 20;
    private readonly Random _random;
    private readonly SuffixHistory _history;
    private readonly Continuation _draft = new(64);
    private readonly NamespaceKey[] _keys = [.. Enumerable.Range(0, Tenants).Select(i => NamespaceKey.Derive([], $"tenant {i}", "", ""))];
    private readonly int[] _groups = [.. Enumerable.Range(0, Tenants)];
    private readonly List<int[]>[] _texts = [.. Enumerable.Range(0, Tenants).Select(_ => new List<int[]>())];
    private readonly List<Live> _live = [];
    private int _nextGroup = Tenants;

    private IsolationCheck(int seed, SuffixHistory history) => (_random, _history) = (new Random(seed), history);

    /// <summary>Tokens drafted.</summary>
    public long Drafted { get; private set; }

    /// <summary>Of those, tokens the sequence's tenant never had, or had before it was erased.</summary>
    public long Foreign { get; private set; }

    /// <summary>Tokens evicted meanwhile.</summary>
    public long Evicted { get; private set; }

    /// <summary>Times a tenant was erased meanwhile.</summary>
    public int Erased { get; private set; }

    /// <summary>Drafts so many tokens.</summary>
    /// <param name="tokens">At least.</param>
    /// <param name="seed">The same seed plays the same.</param>
    /// <param name="drafted">Told now and then how many more are drafted.</param>
    public static IsolationCheck Run(long tokens, int seed, Action<int>? drafted = null)
    {
        const int Reported = 1 << 16;
        using SuffixHistory history = new(Words * Groups, ByteBudget, chunkBits: 11);
        IsolationCheck check = new(seed, history);
        for (long told = 0; check.Drafted < tokens;)
        {
            check.Act();
            if (check.Drafted - told < Reported)
                continue;
            drafted?.Invoke((int)(check.Drafted - told));
            told = check.Drafted;
        }

        check._live.ForEach(live => live.Session.Dispose());
        check.Evicted = history.Statistics.EvictedTokens;
        return check;
    }

    private void Act()
    {
        int choice = _random.Next(20_000);
        if (choice == 0)
            Erase(_random.Next(Tenants));
        else if (choice < 200)
            Load(_random.Next(Tenants));
        else if (_live.Count < LiveSessions)
            Begin(_random.Next(Tenants));
        else
            Step(_random.Next(_live.Count));
    }

    private void Begin(int tenant)
    {
        int[] prompt = Text(tenant), output = Text(tenant);
        _live.Add(new Live(_history.BeginSession(_keys[tenant], prompt), tenant, _groups[tenant], output));
    }

    private void Step(int at)
    {
        Live live = _live[at];
        live.Session.Draft(_draft.Capacity, 32, _draft);
        Drafted += _draft.Count;
        foreach (int token in _draft.TokenIds)
            Foreign += token % Groups == live.Group && live.Group == _groups[live.Tenant] ? 0 : 1;
        int count = Math.Min(_random.Next(1, 20), live.Output.Length - live.Written);
        live.Session.Append(live.Output.AsSpan(live.Written, count));
        live.Written += count;
        if (live.Written < live.Output.Length)
            return;
        live.Session.Dispose();
        _live.RemoveAt(at);
    }

    private void Load(int tenant) => _history.Load(new StoredSequence(_keys[tenant], Text(tenant)));

    private void Erase(int tenant)
    {
        UInt128 whose = _keys[tenant].Tenant;
        _history.Forget(key => key.Tenant == whose);
        _history.IndexLoaded(0);
        _groups[tenant] = _nextGroup++ % Groups;
        _texts[tenant].Clear();
        Erased++;
    }

    /// <summary>Words of a tenant: stretches it has said before, and new ones.</summary>
    private int[] Text(int tenant)
    {
        List<int> text = [];
        List<int[]> said = _texts[tenant];
        int length = _random.Next(20, 300);
        while (text.Count < length)
        {
            if (said.Count > 0 && _random.Next(4) > 0)
            {
                int[] old = said[_random.Next(said.Count)];
                int from = _random.Next(old.Length);
                text.AddRange(old.AsSpan(from, Math.Min(old.Length - from, _random.Next(1, 80))));
            }
            else
            {
                text.Add((_random.Next(Words) * Groups) + _groups[tenant]);
            }
        }

        int[] words = [.. text];
        if (said.Count < 50)
            said.Add(words);
        else
            said[_random.Next(said.Count)] = words;
        return words;
    }

    /// <summary>A sequence being decoded.</summary>
    private sealed class Live(SuffixSession session, int tenant, int group, int[] output)
    {
        public SuffixSession Session => session;

        public int Tenant => tenant;

        public int Group => group;

        public int[] Output => output;

        public int Written { get; set; }
    }
}
