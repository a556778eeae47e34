using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary><c>agentic cache import</c>: adds a file of sequences to what is kept.</summary>
internal static class CacheImport
{
    private static readonly Argument<string> FileName = new("FILE") { Description = "Written by \"agentic cache export\". - is standard input." };

    private static readonly Option<string?> Into = new("--into")
    {
        HelpName = "ID",
        Description = "Put everything into this namespace, of 64 digits, instead of those it came from: for a file of a server with another secret. "
            + "Model and tokenizer must be the same.",
    };

    public static Command Create()
    {
        var command = new Command("import", "Adds an exported file to what is kept. What is there already is not added again.") { FileName, Into };
        CacheStore.AddOptions(command);
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        string file = parsed.GetRequiredValue(FileName);
        NamespaceKey? into = Target(parsed.GetValue(Into));
        await using Stream stream = file == NewFile.Standard ? Console.OpenStandardInput() : File.OpenRead(file);
        SequenceFileReader reader = Reader(file, stream);
        await using CacheStore store = CacheStore.Open(StoreLocation.Read(parsed), create: true);
        var known = new KnownSequences(store);
        long added = 0, dropped = store.Sequences.Statistics.Dropped;
        await Progress.RunAsync("import", stream.CanSeek ? stream.Length : 0, async report =>
        {
            long reported = 0;
            foreach (StoredSequence read in reader.Read())
            {
                StoredSequence sequence = into is NamespaceKey key ? read with { Namespace = key } : read;
                if (await known.AddAsync(sequence, cancellation))
                {
                    await store.Sequences.AppendAsync(sequence, cancellation);
                    added++;
                }

                report(reader.BytesRead - reported);
                reported = reader.BytesRead;
            }

            await store.Sequences.FlushAsync(cancellation);
        });
        dropped = store.Sequences.Statistics.Dropped - dropped;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{added - dropped:N0} sequences added, {reader.Sequences - added:N0} were there already"));
        if (dropped > 0)
            throw new CommandException($"{dropped} sequences were refused by the store; import the file again");
        if (!reader.HasEnd)
            throw new CommandException($"{file} was cut short; what is whole of it was imported");
        if (!reader.IsComplete || reader.Damaged > 0)
            throw new CommandException($"{file} is damaged in {Math.Max(1, reader.Damaged)} place(s); what is whole of it was imported");
        return 0;
    }

    private static SequenceFileReader Reader(string file, Stream stream)
    {
        try
        {
            return new SequenceFileReader(stream);
        }
        catch (InvalidDataException e)
        {
            throw new CommandException($"{file}: {e.Message}");
        }
    }

    private static NamespaceKey? Target(string? id)
    {
        try
        {
            return id is null ? null : NamespaceKey.Parse(id);
        }
        catch (FormatException)
        {
            throw new CommandException($"into: '{id}' is no namespace; write its 64 digits, as \"agentic cache stats --json\" does");
        }
    }

    /// <summary>What each namespace holds, by hash: read from the store when the file first names it.</summary>
    private sealed class KnownSequences(CacheStore store)
    {
        private readonly Dictionary<NamespaceKey, HashSet<UInt128>> _known = [];

        /// <summary>False for one that was there, or was added before.</summary>
        public async Task<bool> AddAsync(StoredSequence sequence, CancellationToken cancellation)
        {
            if (!_known.TryGetValue(sequence.Namespace, out HashSet<UInt128>? known))
            {
                _known.Add(sequence.Namespace, known = []);
                store.Quotas.Add([sequence.Namespace]);
                await foreach (StoredSequence kept in store.Sequences.ReplayAsync(sequence.Namespace, cancellation))
                    known.Add(Hash(kept));
            }

            return known.Add(Hash(sequence));
        }

        /// <summary>Of time and tokens: the same words said again at another time are another sequence, and count again.</summary>
        private static UInt128 Hash(StoredSequence sequence)
        {
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            long time = sequence.Time.ToUnixTimeMilliseconds();
            hash.AppendData(MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in time)));
            hash.AppendData(MemoryMarshal.AsBytes(sequence.Tokens.Span));
            Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
            hash.GetHashAndReset(digest);
            return MemoryMarshal.Read<UInt128>(digest);
        }
    }
}
