using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed class FinishPaceTests
{
    private readonly FinishPace _pace = new(mostSequences: 4, step: TimeSpan.FromMilliseconds(10));

    [Fact]
    public void NothingHasEnded_StepsOfAUsualAnswerAreExpected()
    {
        Assert.Equal(26, Seconds(40, at: 0));
        _pace.Expect(mostTokens: 100_000);
        Assert.Equal(26, Seconds(40, at: 0));
    }

    [Fact]
    public void NothingHasEnded_ShortAnswersAreExpectedSooner()
    {
        for (int i = 0; i < 3; i++)
            _pace.Expect(mostTokens: 100);

        Assert.Equal(10, Seconds(40, at: 0));
        _pace.Busy(At(0));
        Assert.Equal(10, Seconds(40, at: 0.5));
        Assert.Equal(30, Seconds(40, at: 3));   // and for longer once it has been
    }

    [Fact]
    public void BatchesThatEndAtOnce_WeighAsMuchAsSingleEnds()
    {
        _pace.Busy(At(0));
        for (int second = 1; second <= 50; second++)
        {
            for (int i = 0; i < 4; i++)
                _pace.Ended(At(second));
            Assert.InRange(Seconds(40, at: second), 10, 11);
        }
    }

    [Fact]
    public void NothingEndsAnyMore_TheTimeGrows()
    {
        _pace.Busy(At(0));
        for (int i = 1; i <= 10; i++)
            _pace.Ended(At(i));

        Assert.Equal(10, Seconds(10, at: 10));
        Assert.Equal(30, Seconds(10, at: 30));
    }

    [Fact]
    public void IdleTime_DoesNotCount()
    {
        _pace.Busy(At(0));
        for (int i = 1; i <= 10; i++)
            _pace.Ended(At(i / 2.0));
        _pace.Idle(At(5));

        Assert.Equal(10, Seconds(20, at: 1000));
        _pace.Busy(At(1000));
        Assert.Equal(10, Seconds(20, at: 1001));
        _pace.Ended(At(1002));
        Assert.Equal(40, Seconds(20, at: 1002));
    }

    [Fact]
    public void AnyLine_IsBetweenASecondAndAMinute()
    {
        Assert.Equal(1, Seconds(0, at: 0));
        Assert.Equal(60, Seconds(100_000, at: 0));
    }

    private static TimeSpan At(double seconds) => TimeSpan.FromSeconds(seconds);

    private double Seconds(int sequences, double at) => _pace.UntilEnded(sequences, At(at)).TotalSeconds;
}
