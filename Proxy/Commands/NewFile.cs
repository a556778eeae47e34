namespace Agentic.Proxy;

/// <summary>A file that a command writes anew: what was there stays until the new one is whole. <c>-</c> is standard output.</summary>
/// <remarks>What is there and empty, as devices and pipes always are, is written straight into: put in its place, a file would take a device
/// away from the whole machine.</remarks>
internal sealed class NewFile : IAsyncDisposable
{
    public const string Standard = "-";

    private readonly string _file, _written;

    /// <param name="option">That named it.</param>
    /// <param name="path">Of the file; a link is followed.</param>
    /// <exception cref="CommandException">It cannot be written.</exception>
    public NewFile(string option, string path)
    {
        IsStandard = path == Standard;
        _file = IsStandard ? path : Target(path);
        bool isStraight = IsStandard || (File.Exists(_file) && new FileInfo(_file).Length == 0);
        _written = isStraight ? _file : _file + ".part";
        if (Directory.Exists(_file))
            throw new CommandException($"{option}: '{path}' is a directory; name a file");
        Stream = IsStandard ? Console.OpenStandardOutput() : CommandRunner.Create(option, _written);
    }

    /// <summary>Takes what is written.</summary>
    public Stream Stream { get; }

    /// <summary>Whether it goes to standard output, where nothing else may then go.</summary>
    public bool IsStandard { get; }

    /// <summary>It is whole: puts it in the place of what was there.</summary>
    /// <returns>Its bytes, as far as it has a length.</returns>
    public async Task<long?> CompleteAsync()
    {
        long? bytes = Stream is FileStream { CanSeek: true } ? Stream.Length : null;
        if (Stream is FileStream file)
            file.Flush(flushToDisk: true);
        await Stream.DisposeAsync();
        if (_written != _file)
            File.Move(_written, _file, overwrite: true);
        return bytes;
    }

    /// <summary>Deletes what was not completed.</summary>
    public async ValueTask DisposeAsync()
    {
        await Stream.DisposeAsync();
        if (_written != _file)
            File.Delete(_written);
    }

    private static string Target(string path) =>
        File.Exists(path) && File.ResolveLinkTarget(path, returnFinalTarget: true) is { Exists: true } target
            ? target.FullName
            : Path.GetFullPath(path);
}
