namespace Agentic.SuffixCache;

/// <summary>The sequence store could not be read.</summary>
public sealed class SequenceStoreException : Exception
{
    /// <summary>Says what failed.</summary>
    public SequenceStoreException(string message)
        : base(message)
    {
    }

    /// <summary>Says what failed, and why.</summary>
    public SequenceStoreException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Says nothing.</summary>
    public SequenceStoreException()
    {
    }
}
