using System.Runtime.CompilerServices;
using Agentic.SuffixCache;

namespace Agentic.ModelRuntime;

/// <summary>In which steps it is looked for drafts for which sequences.</summary>
/// <remarks>
/// Where memory has nothing to say, looking costs a few percent of a small model's step: after a run of drafts that did not pay, only every second
/// step is looked at, then every fourth, then every eighth, the same ones for all sequences. One that pays ends it. Where none of a namespace's
/// sequences were paid for long, none is looked at more often, then only in every sixteenth step, but each at its first.
/// </remarks>
internal sealed class LookPace
{
    private const int MostNamespaces = 1024;
    private const double Decay = 0.05;

    // Of what looking takes: learning from what was found takes as long, and not all that is looked at is worth anything.
    private const double LeastSaved = 4;

    private readonly NamespaceStates<StrongBox<int>> _unpaid = new(MostNamespaces, () => new(0));   // drafts in a row, whichever its sequences
    private int _step;
    private double _lookSeconds;

    /// <summary>What looking takes a step in which it is done, lately.</summary>
    public double StepSeconds { get; private set; }

    public void BeginStep() => _step++;

    /// <summary>Whether it is looked at in this step.</summary>
    public bool IsDue(Sequence sequence) => _step % sequence.LookEvery == 0;

    /// <summary>What looking took.</summary>
    /// <param name="seconds">Of the step.</param>
    /// <param name="looks">Sequences.</param>
    public void Took(double seconds, int looks)
    {
        if (looks == 0)
            return;
        StepSeconds = Learn(StepSeconds, seconds);
        _lookSeconds = Learn(_lookSeconds, seconds / looks);
    }

    /// <summary>What a sequence that was looked at is expected to save by it: counts the drafts in a row that did not pay.</summary>
    public void Saved(Sequence sequence, double seconds)
    {
        bool paid = seconds > 0 && seconds >= LeastSaved * _lookSeconds;
        ref int ofAll = ref _unpaid.Of(sequence.Generation.Request.Namespace).Value;
        (sequence.UnpaidDrafts, ofAll) = paid ? (0, 0) : (sequence.UnpaidDrafts + 1, ofAll + 1);
    }

    /// <summary>Settles how often a sequence that was looked at is looked at from now on, once all of the step are counted.</summary>
    public void Set(Sequence sequence)
    {
        int own = sequence.UnpaidDrafts switch { < 4 => 1, < 8 => 2, < 16 => 4, _ => 8 };
        sequence.LookEvery = _unpaid.Of(sequence.Generation.Request.Namespace).Value switch { < 32 => own, < 128 => 8, _ => 16 };
    }

    /// <summary>Namespaces were erased.</summary>
    public void Forget(Predicate<NamespaceKey> whose) => _unpaid.Forget(whose);

    /// <summary>Moves a mean towards what something took, and not far for a step that was disturbed.</summary>
    private static double Learn(double mean, double seconds) => mean + (Decay * (Math.Min(seconds, (4 * mean) + 1e-5) - mean));
}
