namespace Agentic.Tests;

[Trait("Category", "Redis")]
public sealed class RedisSequenceFollowTests : SequenceFollowTests
{
    private protected override StoreServer Server { get; } = new RedisServer();
}

[Trait("Category", "Redis")]
public sealed class RedisCompactionTests : CompactionTests
{
    private protected override StoreServer Server { get; } = new RedisServer();
}
