using Agentic.Kernels;

namespace Agentic.ModelRuntime;

/// <summary>A small network that guesses a target's next tokens from the target's states, a row at a time: what <see cref="EagleDrafter"/> drives.</summary>
/// <remarks>A row is the pair of the state at position i and the token at i + 1; it scores the token at i + 2. Called by one thread.</remarks>
internal unsafe interface IDraftHead
{
    /// <summary>Elements of a hidden state.</summary>
    int HiddenSize { get; }

    /// <summary>Draft tokens are 0 … VocabularySize − 1.</summary>
    int VocabularySize { get; }

    /// <summary>Longest context it was made for, in pairs.</summary>
    int MaxPositions { get; }

    /// <summary>Pairs of one KV block.</summary>
    int BlockSize { get; }

    /// <summary>The target's token of a draft token.</summary>
    int TargetToken(int draftToken);

    /// <summary>Sees to its own KV pool, for each drafter: what is in it then means nothing.</summary>
    void AllocateKv(int blocks);

    /// <summary>Copies keys and values from slot to slot.</summary>
    void CopyKv(ReadOnlySpan<KvMove> moves);

    /// <summary>Hidden states from the target's own.</summary>
    /// <param name="states">[rows, state size], as <see cref="ITargetStates"/> gives them.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="output">[rows, hidden], written.</param>
    void FuseStates(float* states, int rows, float* output);

    /// <summary>Runs rows: writes their keys and values, and scores those that ask for it.</summary>
    /// <param name="rows">Tokens one ahead of their states; positions and slots of the states.</param>
    /// <param name="hidden">[rows, hidden]: of <see cref="FuseStates"/>, or what an earlier call put out for each row's parent.</param>
    /// <param name="output">[scored rows, hidden], written: what a next draft step continues from. May be <paramref name="hidden"/>.</param>
    /// <returns>[scored rows, draft vocabulary], valid until the next call.</returns>
    StepLogits Forward(StepRows rows, float* hidden, float* output);
}

/// <summary>A target whose residual stream can be read where a draft head is fed from it.</summary>
internal unsafe interface ITargetStates
{
    /// <summary>Elements of a row's states, all boundaries together.</summary>
    int StateSize { get; }

    /// <summary>Copies a row's states of the last step, one boundary after the other.</summary>
    /// <param name="row">Row of the step.</param>
    /// <param name="into">[<see cref="StateSize"/>], written.</param>
    void CopyState(int row, float* into);
}
