namespace Agentic.ModelRuntime;

/// <summary>How one source of drafts fared.</summary>
/// <param name="Source">Its name.</param>
/// <param name="Proposed">Nodes it named, whoever else did.</param>
/// <param name="Drafted">Those of them that the target was asked about.</param>
/// <param name="Accepted">Those of them that it took.</param>
/// <param name="Expected">How many were expected to be taken.</param>
/// <param name="CalibrationError">Mean distance of probability and share taken, over tenths of probability; 0 is calibrated.</param>
/// <param name="Seconds">Spent on proposing and learning.</param>
public sealed record SourceReport(
    string Source, long Proposed, long Drafted, long Accepted, double Expected, double CalibrationError, double Seconds);

/// <summary>How an engine's speculation fared since it began.</summary>
/// <param name="Sources">One each.</param>
/// <param name="StepPredictionError">Median of |predicted − actual| / actual step time over the last 4,096 steps.</param>
/// <param name="HeadSteps">Steps in which the draft head ran.</param>
/// <param name="HeadLevels">Levels that it ran.</param>
/// <param name="HeadSeconds">Time that they took.</param>
public sealed record SpeculationReport(
    IReadOnlyList<SourceReport> Sources, double StepPredictionError, long HeadSteps, long HeadLevels, double HeadSeconds);
