using System.Net.Sockets;
using System.Text.RegularExpressions;
using StackExchange.Redis;

namespace Agentic.SuffixCache;

/// <summary>What an operator needs to know of the client's errors, whose messages are for its maintainers.</summary>
internal static partial class StoreTrouble
{
    /// <summary>Whether an error is the store's: it is away, does not answer in time, or refuses.</summary>
    public static bool IsOf(Exception exception) =>
        exception is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException;

    /// <summary>Whether nothing answered at all.</summary>
    public static bool IsAway(Exception exception) => exception is RedisConnectionException && !IsReplica(exception) && Refusal(exception) is null;

    /// <summary>Why, as one sentence.</summary>
    public static string Reason(Exception exception) =>
        Refusal(exception) is string refusal ? $"It lets nobody in so: {refusal}."
        : IsReplica(exception) ? "It is a replica, which nothing can be written to."
        : exception is TimeoutException ? "It did not answer in time."
        : exception is RedisConnectionException ? Innermost(exception) is SocketException { Message: string why } ? $"{why}." : "The connection is gone."
        : IsFull(exception) && !exception.Message.StartsWith("OOM", StringComparison.Ordinal) ? "It refuses to write, as it does when it is full (maxmemory)."
        : $"{exception.Message.TrimEnd('.')}.";

    /// <summary>Whether it refuses to write as a full one does: a transaction does not say why.</summary>
    public static bool IsFull(Exception exception) =>
        exception.Message.StartsWith("OOM", StringComparison.Ordinal)
        || (exception.Message.StartsWith("EXECABORT", StringComparison.Ordinal) && !exception.Message.Contains("because of:", StringComparison.Ordinal));

    private static bool IsReplica(Exception exception) =>
        exception.Message.Contains("not eligible for replica", StringComparison.Ordinal)
        || exception.Message.Contains("READONLY", StringComparison.Ordinal);

    /// <summary>What a server said to a wrong user or password.</summary>
    private static string? Refusal(Exception exception)
    {
        for (Exception? cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is RedisConnectionException && Denial().Match(cause.Message) is { Success: true } denial)
                return denial.Value;
        }

        return null;
    }

    private static Exception Innermost(Exception exception) => exception.InnerException is { } inner ? Innermost(inner) : exception;

    [GeneratedRegex(@"\b(NOAUTH|WRONGPASS|NOPERM) [^.,;]+")]
    private static partial Regex Denial();
}
