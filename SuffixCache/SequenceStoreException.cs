namespace Agentic.SuffixCache;

/// <summary>The sequence store is away, or answers an error.</summary>
public sealed class SequenceStoreException : Exception
{
    /// <summary>Says what failed.</summary>
    public SequenceStoreException(string message)
        : base(message)
    {
    }

    /// <summary>Says what failed, and why.</summary>
    public SequenceStoreException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Says nothing.</summary>
    public SequenceStoreException()
    {
    }
}
