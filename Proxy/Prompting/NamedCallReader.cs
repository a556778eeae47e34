using System.Text;
using System.Text.RegularExpressions;

namespace Agentic.Proxy;

/// <summary>A call whose name stands before its arguments' object, with what the format puts between them.</summary>
/// <param name="before">What was read before the name, for the case that it is no call after all.</param>
/// <param name="format">What stands between name and arguments.</param>
internal sealed class NamedCallReader(string before, CallFormat format) : ICallReader
{
    private const int MostBefore = 400;   // characters up to the arguments

    private readonly StringBuilder _text = new(before);
    private readonly StringBuilder _read = new();
    private readonly JsonScanner _scanner = new();
    private readonly bool _hasLines = format.AfterName.Contains('\n');

    public string? Name { get; private set; }

    public bool IsAnnounced { get; private set; }

    public bool IsComplete => Name is not null && _scanner.IsComplete;

    public bool HasAllArguments => IsComplete;

    public bool Push(char c)
    {
        if (Name is null && c == '{')
        {
            Match head = Regex.Match(_read.ToString(), format.HeadPattern, RegexOptions.CultureInvariant);
            if (!head.Success)
                return false;
            Name = head.Groups[1].Value;
            _read.Clear();
        }

        if (Name is not null ? !_scanner.Push(c) : (c == '\n' && !_hasLines) || _read.Length == MostBefore)
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
}
