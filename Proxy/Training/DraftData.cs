using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>What a draft head is made from: conversations in a model's tokens.</summary>
/// <param name="Conversations">In order.</param>
/// <param name="ByTarget">Whether a server kept them: then the answers are the model's own.</param>
internal sealed record DraftData(IReadOnlyList<RecordedConversation> Conversations, bool ByTarget)
{
    /// <summary>Reads files: chats, token segments, or what <c>cache export</c> wrote.</summary>
    /// <param name="files">At least one.</param>
    /// <param name="modelDirectory">Whose template and tokenizer lay out chats.</param>
    /// <param name="vocabularySize">Tokens of the model.</param>
    /// <exception cref="CommandException">A file is damaged, or in another model's tokens.</exception>
    public static DraftData Read(IReadOnlyCollection<string> files, string modelDirectory, int vocabularySize)
    {
        var layout = new Lazy<ChatLayout>(() => ChatLayout.Load(modelDirectory));
        List<RecordedConversation> conversations = [];
        bool byTarget = true;
        foreach (string file in files)
        {
            bool exported = IsExport(file);
            byTarget &= exported;
            IReadOnlyList<RecordedConversation> read = exported ? ReadExport(file) : Recordings.Read(file, layout);
            IEnumerable<int> tokens = read.SelectMany(conversation => conversation.Segments).SelectMany(segment => segment.Tokens);
            if (tokens.FirstOrDefault(token => token >= vocabularySize) is > 0 and int foreign)
                throw new CommandException($"{file} holds the token {foreign}, and the model has {vocabularySize}: it is in another model's tokens");
            conversations.AddRange(read);
        }

        return new DraftData(conversations, byTarget);
    }

    /// <summary>Reads what a server learned of a model.</summary>
    /// <param name="location">The server's store.</param>
    /// <param name="tenants">Whose requests; none for all that the settings know.</param>
    /// <param name="model">The model's fingerprint.</param>
    /// <param name="modelDirectory">Its directory.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="CommandException">There is no store, or no secret by which to find the model in it.</exception>
    public static async Task<DraftData> ReadStoreAsync(
        StoreLocation location, IReadOnlyCollection<string> tenants, string model, string modelDirectory, CancellationToken cancellation)
    {
        byte[] secret = ServerSecret.Find(location.DataDirectory) ?? throw new CommandException(
            $"data-dir: {location.DataDirectory} holds no secret, by which the model's sequences are found; name the server's data directory");
        string tokenizer = new TokenizerCodec(Tokenizer.Load(modelDirectory)).Fingerprint;
        List<RecordedConversation> conversations = [];
        await using CacheStore store = CacheStore.Open(location);
        foreach (string tenant in tenants.Count > 0 ? tenants : location.KnownTenants)
        {
            var whole = new StoredConversations();
            var key = NamespaceKey.Derive(secret, tenant, model, tokenizer);
            await foreach (StoredSequence sequence in store.Sequences.ReplayAsync(key, cancellation))
                conversations.Add(whole.Add(sequence));
        }

        return new DraftData(conversations, ByTarget: true);
    }

    /// <summary>Sets every so-manieth aside, a hundred at most.</summary>
    public (DraftData Kept, DraftData Aside) Split(int every)
    {
        const int Most = 100;
        int[] aside = [.. Enumerable.Range(0, Conversations.Count).Where(i => i % every == every / 2).Take(Most)];
        HashSet<int> taken = [.. aside];
        return (this with { Conversations = [.. Conversations.Where((_, i) => !taken.Contains(i))] },
            this with { Conversations = [.. aside.Select(i => Conversations[i])] });
    }

    private static bool IsExport(string file)
    {
        using FileStream stream = File.OpenRead(file);
        return SequenceFileReader.Recognises(stream);
    }

    private static List<RecordedConversation> ReadExport(string file)
    {
        using FileStream stream = File.OpenRead(file);
        try
        {
            SequenceFileReader reader = new(stream);
            StoredSequence[] sequences = [.. reader.Read()];
            if (!reader.IsComplete || reader.Damaged > 0)
                throw new CommandException($"{file} is damaged or cut short; export it again");
            NamespaceKey[] keys = [.. sequences.Select(sequence => sequence.Namespace).Distinct()];
            if (keys.Select(key => key.Tenant).Distinct().Count() < keys.Length)
                throw new CommandException(
                    $"{file} holds more than one model's sequences; export one namespace with \"agentic cache export --namespace ID\"");
            return [.. sequences.GroupBy(sequence => sequence.Namespace).SelectMany(group =>
            {
                var whole = new StoredConversations();
                return group.Select(whole.Add).ToArray();
            })];
        }
        catch (InvalidDataException e)
        {
            throw new CommandException($"{file}: {e.Message}");
        }
    }
}
