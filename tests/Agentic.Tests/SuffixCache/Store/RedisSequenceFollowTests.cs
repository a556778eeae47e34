namespace Agentic.Tests;

[Trait("Category", "Redis")]
public sealed class RedisSequenceFollowTests : SequenceFollowTests
{
    private protected override StoreServer Server { get; } = new RedisServer();
}
