using Agentic.ModelRuntime;

namespace Agentic.Tests;

public sealed class EagleMemoryTests
{
    private const float Rival = 0.3f;

    [Fact]
    public void CandidatesFailWhereOthersNameNone_LittleIsExpectedOfThemElsewhere()
    {
        var memory = new EagleMemory(acceptance: 0.9f);
        float before = memory.Foresee(1, Rival).Own;

        for (int i = 0; i < 20; i++)
            memory.Learn(1, rivalShare: 0, agrees: false, taken: false, rivalTaken: false);

        Assert.InRange(before, 0.8f, 0.9f);
        Assert.InRange(memory.Foresee(1, Rival).Own, 0.05f, 0.2f);
        Assert.InRange(memory.Foresee(3, 0).Own, 0.05f, 0.2f);
    }

    [Fact]
    public void CandidatesAreTakenAsOftenAsBelieved_NothingChangesElsewhere()
    {
        var memory = new EagleMemory(acceptance: 0.9f);
        float before = memory.Foresee(1, Rival).Own;

        for (int i = 0; i < 400; i++)
            memory.Learn(1, rivalShare: 0, agrees: false, taken: i % 10 != 0, rivalTaken: false);

        Assert.Equal(before, memory.Foresee(1, Rival).Own, 0.02f);
    }
}
