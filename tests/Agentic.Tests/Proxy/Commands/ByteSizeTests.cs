using Agentic.Proxy;

namespace Agentic.Tests;

public sealed class ByteSizeTests
{
    [Theory]
    [InlineData("1024", 1024)]
    [InlineData("2GiB", 2L << 30)]
    [InlineData("512 MiB", 512L << 20)]
    [InlineData("1.5g", 3L << 29)]
    [InlineData("3KB", 3 << 10)]
    [InlineData("7b", 7)]
    public void Amount_IsRead(string text, long bytes) => Assert.Equal(bytes, ByteSize.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("GiB")]
    [InlineData("1,5G")]
    [InlineData("1e3")]
    [InlineData("99999999999T")]
    public void AnythingElse_IsNot(string text) => Assert.Null(ByteSize.Parse(text));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(8L << 30, "8 GiB")]
    public void Format_RoundsToOneDigit(long bytes, string text) => Assert.Equal(text, ByteSize.Format(bytes));
}
