namespace Agentic.ModelRuntime;

/// <summary>A model directory that cannot be served as it is: a file missing, damaged, or of a form not known here.</summary>
/// <remarks>The message is one line for an operator: the path, what is wrong with it, and the remedy.</remarks>
public sealed class ModelLoadException : Exception
{
    /// <inheritdoc />
    public ModelLoadException()
    {
    }

    /// <inheritdoc />
    public ModelLoadException(string message)
        : base(message)
    {
    }

    /// <inheritdoc />
    public ModelLoadException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
