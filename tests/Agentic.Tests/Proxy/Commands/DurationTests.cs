using Agentic.Proxy;

namespace Agentic.Tests;

public sealed class DurationTests
{
    [Theory]
    [InlineData("90s", 90)]
    [InlineData("15m", 900)]
    [InlineData("1.5H", 5400)]
    [InlineData(" 60 d ", 60 * 86400)]
    public void LengthOfTime_IsRead(string text, double seconds) => Assert.Equal(TimeSpan.FromSeconds(seconds), Duration.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("60")]
    [InlineData("-1d")]
    [InlineData("1:00:00")]
    [InlineData("5 weeks")]
    [InlineData("99999999999d")]
    public void AnythingElse_IsNot(string text) => Assert.Null(Duration.Parse(text));

    [Theory]
    [InlineData("1s")]
    [InlineData("4000d")]
    [InlineData("for ever")]
    public void StoreAge_OutOfBoundsIsRefused(string value)
    {
        string message = Assert.Throws<CommandException>(() => ServeOptions.Age(value)).Message;
        Assert.Contains($"store-age: '{value}'", message, StringComparison.Ordinal);
        Assert.Contains("30d", message, StringComparison.Ordinal);
    }

    [Fact]
    public void StoreAge_IsTheStoresRetention() => Assert.Equal(
        TimeSpan.FromDays(30), new StoreQuotas(TenantSizes.None, ServeOptions.Age("30d"), null).Apply(new()).RetentionAge);
}
