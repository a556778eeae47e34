namespace Agentic.Tests;

/// <summary>A clock that stands still, so that what a pass costs stays what it is said to be.</summary>
internal sealed class StandingClock : TimeProvider
{
    public override long GetTimestamp() => 0;
}
