using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed class PredictionCursorTests
{
    [Theory]
    [InlineData("1 2 3 4 5", "1 2 3 4 5", 5)]         // as predicted
    [InlineData("1 2 3 4 5", "1 2 3", 3)]             // shorter
    [InlineData("1 2 3", "1 2 3 4 5", 3)]             // longer
    [InlineData("1 2 3 4 5 6", "1 2 9 4 5 6", 5)]     // 3 is replaced; 4 leads back, and 5 proves it
    [InlineData("1 2 3 4 5 6", "1 2 8 9 3 4 5 6", 6)] // tokens are put in
    [InlineData("1 2 3 4 5 6", "1 2 5 6", 4)]         // tokens are left out
    [InlineData("1 2 3 4 5 6", "1 2 9 4 9 6", 2)]     // 4 and 6 led nowhere
    [InlineData("1 2 3 1 2 4 5", "1 2 4 5", 4)]       // each token of the answer counts once
    [InlineData("1 2 3", "7 8 9", 0)]                 // nothing of it
    [InlineData("", "1 2", 0)]
    public void Answer_AcceptsWhatStandsWhereItWasPredicted(string prediction, string answer, int accepted)
    {
        int[] predicted = Ids(prediction);
        var cursor = new PredictionCursor(predicted);

        foreach (int token in Ids(answer))
            cursor.Advance(token);

        Assert.Equal((accepted, predicted.Length - accepted), (cursor.Accepted, cursor.Rejected));
    }

    [Fact]
    public void PlaceThatProvedWrong_IsLookedForAgainFromWhereTheAnswerDeparted()
    {
        // 7 first leads to its second place, which goes on with 8; then to where the text really goes on.
        var cursor = new PredictionCursor([1, 2, 3, 4, 5, 6, 7, 8]);
        foreach (int token in (int[])[1, 2, 3, 7, 4, 5])
            cursor.Advance(token);

        Assert.Equal((5, 5), (cursor.Next, cursor.Accepted));
    }

    [Fact]
    public void OneTokenOverAndOver_AcceptsNoMoreThanThereIs()
    {
        var cursor = new PredictionCursor([.. Enumerable.Repeat(5, 1000)]);
        for (int i = 0; i < 3000; i++)
            cursor.Advance(i % 11 == 10 ? 6 : 5);

        Assert.InRange(cursor.Accepted, 500, 1000);
        Assert.Equal(1000, cursor.Accepted + cursor.Rejected);
    }

    private static int[] Ids(string text) => [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
}
