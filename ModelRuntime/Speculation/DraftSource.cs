namespace Agentic.ModelRuntime;

/// <summary>Where a draft node came from.</summary>
public enum DraftSource
{
    /// <summary>What was written before: the sequence, its conversation, its namespace's history.</summary>
    Suffix,

    /// <summary>A draft head.</summary>
    Eagle,

    /// <summary>The text that the request itself predicts (Predicted Outputs).</summary>
    Prediction,

    /// <summary>Calls of the request's tools, laid out from their schemas.</summary>
    Schema,

    /// <summary>What the target itself thought likely after the same token before (Token Recycling).</summary>
    Recycling,
}
