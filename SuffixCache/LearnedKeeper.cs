using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>Keeps what is learned of namespaces beside their logs: hands over what is stored where it is more than is known, and stores what
/// has grown. Used by one task at a time, the one that tells of deletions.</summary>
/// <remarks>
/// Whoever has learned most writes. A server that has learned less than half as much takes over what is stored: one that was just started,
/// or meets the namespace for the first time. What is stored grows by a sixteenth at least, so that it is written some hundred times in
/// all, however long it is learned. What a newer version of this program stored stays as it is.
/// </remarks>
/// <param name="connection">To the store.</param>
/// <param name="follower">Who learns.</param>
/// <param name="age">How long a state is kept that nobody replaces.</param>
/// <param name="damaged">Told of each state that cannot be read.</param>
/// <param name="logger">Where to log.</param>
internal sealed class LearnedKeeper(RedisConnection connection, ISequenceFollower follower, TimeSpan age, Action damaged, ILogger logger)
{
    private const int AskedTogether = 64;
    private const int CopiedTogether = 4;   // each costs a step 0.2 ms

    /// <summary>What is stored is replaced by what was learned from one part in so many more.</summary>
    public const int Growth = 16;

    private readonly ConcurrentDictionary<NamespaceKey, bool> _unreadable = [];   // and known to be
    private long _restored, _stored, _failures;

    /// <summary>States handed over.</summary>
    public long Restored => Volatile.Read(ref _restored);

    /// <summary>States written.</summary>
    public long Stored => Volatile.Read(ref _stored);

    public long Failures => Volatile.Read(ref _failures);

    /// <summary>Looks after the namespaces of some logs. What fails is counted, and done the next time.</summary>
    /// <param name="logs">As a look has just seen them.</param>
    /// <param name="isFirst">Whether what waits to be indexed is in nobody's memory yet.</param>
    /// <param name="isLast">Whether all that was learned is to be stored, however little it is.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task TendAsync(IEnumerable<LogReader> logs, bool isFirst, bool isLast, CancellationToken cancellationToken)
    {
        try
        {
            IDatabase database = await connection.DatabaseAsync(cancellationToken);
            IReadOnlyDictionary<NamespaceKey, long> known = follower.LearnedTokens;
            List<(LogReader Log, long Least)> grown = [];
            foreach (LogReader[] some in logs.Where(log => log.KnownEpoch is not null && (isFirst || known.ContainsKey(log.Namespace))).Chunk(AskedTogether))
            {
                long?[] stored = await Task.WhenAll(some.Select(log => TokensAsync(database, log.Namespace))).WaitAsync(cancellationToken);
                foreach ((LogReader log, long? readable) in some.Zip(stored))
                {
                    if (readable is not long theirs)
                        continue;
                    long ours = known.GetValueOrDefault(log.Namespace);
                    bool isLittle = ours < theirs / 2.0;
                    if (isLittle && await RestoreAsync(database, log.Namespace))
                        continue;
                    long least = isLittle ? 0 : isLast ? theirs : theirs + (theirs / Growth);   // little, and yet more than what cannot be read
                    if (ours > least)
                        grown.Add((log, least));
                }
            }

            // After all was read: a store that refuses to write keeps nobody from that.
            foreach ((LogReader Log, long Least)[] few in grown.Chunk(CopiedTogether))
                await Task.WhenAll(few.Select(one => StoreAsync(database, one.Log, one.Least, cancellationToken))).WaitAsync(cancellationToken);
        }
        catch (Exception exception) when (StoreTrouble.IsOf(exception) || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            Interlocked.Increment(ref _failures);   // whoever writes and follows says why
        }
    }

    /// <returns>What the stored state was learned from; 0 if there is none that can be read, null if there is one that newer servers can.</returns>
    private async Task<long?> TokensAsync(IDatabase database, NamespaceKey @namespace)
    {
        try
        {
            ReadOnlyMemory<byte> beginning = await database.StringGetRangeAsync(new LogLayout(@namespace).Learned, 0, LearnedCodec.Beginning - 1);
            if (LearnedCodec.IsNewer(beginning.Span))
            {
                if (_unreadable.TryAdd(@namespace, true))
                    Log.LearnedNewer(logger, @namespace);
                return null;
            }

            long tokens = LearnedCodec.TokensOf(beginning.Span);
            if (tokens == 0 && !beginning.IsEmpty)
                Damaged(@namespace);
            return tokens;
        }
        catch (RedisServerException exception) when (exception.Message.StartsWith("WRONGTYPE", StringComparison.Ordinal))
        {
            Damaged(@namespace);
            return 0;
        }
    }

    /// <returns>Whether it could be read.</returns>
    private async Task<bool> RestoreAsync(IDatabase database, NamespaceKey @namespace)
    {
        byte[] bytes = (byte[]?)await database.StringGetAsync(new LogLayout(@namespace).Learned) ?? [];
        if (LearnedCodec.Decode(@namespace, bytes) is not LearnedState state)
        {
            Damaged(@namespace);
            return false;
        }

        _unreadable.TryRemove(@namespace, out _);
        follower.Learned(state.Packed(bytes));
        Interlocked.Increment(ref _restored);
        return true;
    }

    /// <summary>Stores what was learned of a namespace, if it still is from more tokens: it may have been evicted and begun again.</summary>
    private async Task StoreAsync(IDatabase database, LogReader log, long least, CancellationToken cancellationToken)
    {
        // Copied after the follower was told of all deletions that this epoch knows of, and written only if there was none since.
        LogEpoch epoch = log.KnownEpoch!.Value;
        if (await follower.CopyLearnedAsync(log.Namespace, cancellationToken) is not LearnedState state || state.Tokens <= least)
            return;
        LogLayout layout = new(log.Namespace);
        ITransaction transaction = database.CreateTransaction();
        transaction.AddCondition(Condition.StringEqual(layout.Epoch, epoch.Value));
        Task set = transaction.StringSetAsync(layout.Learned, LearnedCodec.Encode(state), age);
        if (!await transaction.ExecuteAsync())
            return;
        await set;
        _unreadable.TryRemove(log.Namespace, out _);
        Interlocked.Increment(ref _stored);
    }

    private void Damaged(NamespaceKey @namespace)
    {
        if (!_unreadable.TryAdd(@namespace, true))
            return;
        damaged();
        Log.LearnedDamaged(logger, @namespace);
    }
}
