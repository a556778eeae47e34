using System.Text;
using System.Text.RegularExpressions;

namespace Agentic.Proxy;

/// <summary>A call as Mistral's newer models write it: <c>NAME[ARGS]{…}</c>, with <c>[CALL_ID]ID</c> before the arguments in
/// some.</summary>
/// <param name="before">What was read before the name, for the case that it is no call after all.</param>
internal sealed partial class NamedCallReader(string before) : ICallReader
{
    /// <summary>What stands between the parts.</summary>
    public static readonly string[] Markers = ["[ARGS]", "[CALL_ID]"];

    private const int MostBefore = 400;   // characters up to the arguments

    private readonly StringBuilder _text = new(before);
    private readonly StringBuilder _read = new();
    private readonly JsonScanner _scanner = new();

    public string? Name { get; private set; }

    public bool IsAnnounced { get; private set; }

    public bool IsComplete => Name is not null && _scanner.IsComplete;

    public bool HasAllArguments => IsComplete;

    public bool Push(char c)
    {
        if (Name is null && c == '{')
        {
            Match head = Head().Match(_read.ToString());
            if (!head.Success)
                return false;
            Name = head.Groups[1].Value;
            _read.Clear();
        }

        if (Name is not null ? !_scanner.Push(c) : c == '\n' || _read.Length == MostBefore)
            return false;
        _read.Append(c);
        _text.Append(c);
        return true;
    }

    public string TakeArguments(out bool announce)
    {
        announce = Name is not null && !IsAnnounced;
        IsAnnounced |= announce;
        if (Name is null)
            return "";
        string more = _read.ToString();
        _read.Clear();
        return more;
    }

    public string TakeText() => _text.ToString();

    [GeneratedRegex(@"^([\w.-]+) ?(?:\[CALL_ID\][^\[]*)?(?:\[ARGS\])? ?$")]
    private static partial Regex Head();
}
