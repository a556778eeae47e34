using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net.Sockets;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;
using Microsoft.Extensions.Options;

namespace Agentic.Proxy;

/// <summary>Runs a command. What a user can put right is one line on standard error and exit code 1; a stack trace is a fault of
/// ours.</summary>
internal static class CommandRunner
{
    private static readonly string[] OfTheRoot = ["--help", "-h", "-?", "--version"];

    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        if (args.Length == 0 || (args[0].StartsWith('-') && !OfTheRoot.Contains(args[0])))
            args = ["serve", .. args];

        // "@" begins an API key as well as a response file, so there are none of the latter. Hosts and commands end by themselves at a
        // signal.
        ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
            return Fail($"{Wrong(parsed)}; see \"agentic {Path(parsed)}--help\"");

        try
        {
            return await parsed.InvokeAsync(
                new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (Exception e) when (Explain(e) is string line)
        {
            return Fail(line);
        }
    }

    /// <summary>An option that says what it takes, such as FILE.</summary>
    public static Option<T> Option<T>(string name, string takes, string help, bool required = false) =>
        new(name) { HelpName = takes, Description = help, Required = required };

    /// <summary>A file that a command writes anew.</summary>
    /// <param name="option">That named it.</param>
    /// <param name="path">Of the file.</param>
    /// <exception cref="CommandException">It cannot be written.</exception>
    public static FileStream Create(string option, string path)
    {
        try
        {
            return File.Create(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(
                $"{option}: '{path}' cannot be written ({e.Message.TrimEnd('.')}); name a file in a directory that is there");
        }
    }

    private static int Fail(string line)
    {
        Console.Error.WriteLine($"agentic: {string.Join(' ', line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))}");
        return 1;
    }

    private static string Wrong(ParseResult parsed) => parsed.UnmatchedTokens.Count > 0
        ? $"'{string.Join(' ', parsed.UnmatchedTokens)}' is no command or option here"
        : string.Join("; ", parsed.Errors.Select(error => error.Message.Trim().TrimEnd('.')));

    private static string Path(ParseResult parsed)
    {
        string path = "";
        for (SymbolResult? at = parsed.CommandResult; at is CommandResult { Command: not RootCommand } command; at = at.Parent)
            path = command.Command.Name + " " + path;
        return path;
    }

    /// <summary>What a user needs to know of an error that is theirs to mend; null for any other.</summary>
    private static string? Explain(Exception error) => error switch
    {
        CommandException or ModelLoadException or ChatTemplateException => error.Message,
        SequenceStoreException => $"{error.Message.TrimEnd('.')}; start or mend it, or name another with --redis or --data",
        OptionsValidationException options => string.Join("; ", options.Failures),
        FileNotFoundException { FileName: string file } => $"{file}: there is no such file",
        UnauthorizedAccessException => $"{error.Message.TrimEnd('.')}; name what this user may use, and files where files are asked for",
        IOException or SocketException => error.Message,
        _ => null,
    };
}

/// <summary>A command that cannot be done as it was given; the message names the value and the remedy.</summary>
internal sealed class CommandException(string message) : Exception(message);
