namespace Agentic.Proxy;

/// <summary>How far a server is that brings back what its store kept.</summary>
/// <param name="Sequences">Read.</param>
/// <param name="Tokens">In them.</param>
/// <param name="Bytes">Read of the store.</param>
/// <param name="TotalBytes">What the store lists for this server's tenants.</param>
internal sealed record WarmUp(long Sequences, long Tokens, long Bytes, long TotalBytes);

/// <summary>Asks the server's start how far it is.</summary>
internal sealed class Readiness
{
    /// <summary>Null where nothing is left to wait for.</summary>
    public Func<WarmUp?> Progress { get; set; } = () => null;
}
