namespace Agentic.Tests;

public sealed class GarnetSequenceStoreTests : SequenceStoreTests
{
    private protected override StoreServer Server { get; } = new GarnetServer();
}

public sealed class GarnetSequenceFollowTests : SequenceFollowTests
{
    private protected override StoreServer Server { get; } = new GarnetServer();
}

public sealed class GarnetCompactionTests : CompactionTests
{
    private protected override StoreServer Server { get; } = new GarnetServer();
}
