using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Agentic.Proxy;

/// <summary>One setting of the server: <c>--kv-memory</c> on the command line, before AGENTIC_KV_MEMORY, before Agentic:KvMemory in
/// appsettings.json.</summary>
internal sealed partial class Setting
{
    public const string Section = "Agentic";

    public Setting(string name, string takes, string help, bool many = false)
    {
        Name = name;
        IsMany = many;
        Option = new Option<string[]>("--" + name) { HelpName = takes, Description = help, Arity = ArgumentArity.OneOrMore };
    }

    public string Name { get; }

    /// <summary>Whether it may be given more than once; commas separate its values elsewhere.</summary>
    public bool IsMany { get; }

    public Option<string[]> Option { get; }

    public string Variable => "AGENTIC_" + Name.Replace('-', '_').ToUpperInvariant();

    public string Key => Section + ":" + Pascal(Name);

    /// <summary>The value given on the command line or in the environment; null leaves it to the settings file.</summary>
    /// <exception cref="CommandException">It is given twice and takes one value.</exception>
    public string? Given(ParseResult parsed)
    {
        string[] values = parsed.GetValue(Option) ?? [];
        if (values.Length > 1 && !IsMany)
            throw new CommandException($"{Name}: given {values.Length} times; give it once");
        return values.Length > 0 ? string.Join(',', values) : Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } value
            ? value : null;
    }

    private static string Pascal(string name) =>
        WordStart().Replace(name, match => match.Groups[1].Value.ToUpper(CultureInfo.InvariantCulture));

    [GeneratedRegex("(?:^|-)(.)")]
    private static partial Regex WordStart();
}
