using System.Text;
using System.Text.Json;

namespace Agentic.Proxy;

/// <summary>Reads one call, character by character, whatever its notation.</summary>
internal interface ICallReader
{
    /// <summary>The function's name once it is known.</summary>
    string? Name { get; }

    /// <summary>Whether the call has been told of.</summary>
    bool IsAnnounced { get; }

    /// <summary>Whether the call has ended.</summary>
    bool IsComplete { get; }

    /// <summary>Whether the arguments have ended.</summary>
    bool HasAllArguments { get; }

    /// <summary>Takes a character; false once this cannot be a call: the character then belongs to what follows.</summary>
    bool Push(char c);

    /// <summary>Arguments that have come and not been taken, as JSON; empty before the name is known.</summary>
    /// <param name="announce">Whether the call is to be told of first.</param>
    string TakeArguments(out bool announce);

    /// <summary>All that was read, as text.</summary>
    string TakeText();
}

/// <summary>The object of a call. Name and arguments may come in any order; other members are passed over.</summary>
/// <param name="before">What was read before the object, for the case that it is no call after all.</param>
/// <param name="format">What its members are called.</param>
/// <param name="names">
/// Null where a marker has said that this is a call. Otherwise it is one only if it has nothing that calls do not have, one of these
/// names, and an object of arguments.
/// </param>
internal sealed class CallReader(string before, CallFormat format, IReadOnlySet<string>? names) : ICallReader
{
    private static readonly string[] OtherMembers = ["type", "id"];

    private readonly JsonScanner _scanner = new();
    private readonly StringBuilder _text = new(before);
    private readonly StringBuilder _key = new();
    private readonly StringBuilder _value = new();
    private readonly StringBuilder _arguments = new();
    private Member _member = Member.None;
    private bool _inKey;
    private int _sent;

    private enum Member
    {
        None, Name, Arguments, Other,
    }

    public string? Name { get; private set; }

    public bool IsAnnounced { get; private set; }

    public bool IsComplete => _scanner.IsComplete;

    public bool HasAllArguments { get; private set; }

    public bool Push(char c)
    {
        int depth = _scanner.Depth;
        bool white = char.IsWhiteSpace(c), begins = depth == 1 && _scanner.BeforeValue && !white;
        bool endsScalar = _member != Member.None && _value.Length > 0 && _value[0] is not ('{' or '[' or '"') && (white || c is ',' or '}');
        if ((depth == 0 && !white && c != '{') || !_scanner.Push(c) || (endsScalar && !EndMember()))
            return false;

        if (begins && !BeginMember())
            return false;
        if (_member != Member.None)
        {
            if (_member == Member.Arguments)
                _arguments.Append(c);
            if (_member != Member.Arguments || _value.Length == 0)
                _value.Append(c);   // of arguments only how they begin
            if (_scanner.Depth == 1 && _scanner.AfterValue && !EndMember())
                return false;
        }
        else if (_scanner.Depth == 1 && _scanner.InKey)
        {
            if (!_inKey)
                _key.Clear();
            _key.Append(c);
        }

        _inKey = _scanner.InKey;
        if (IsComplete && Name is null)
            return false;
        _text.Append(c);
        return true;
    }

    public string TakeArguments(out bool announce)
    {
        announce = false;
        bool isObject = _arguments.Length > 0 && _arguments[0] == '{';
        if (Name is null || !(isObject || (IsComplete && names is null)))
            return "";
        announce = !IsAnnounced;
        IsAnnounced = true;
        if (!isObject && announce)   // none at all, or a string that holds them
        {
            string json = _arguments.ToString();
            _arguments.Clear().Append(json is "" or "null" or "\"\"" ? "{}" : Unwrap(json));
        }

        string more = _arguments.ToString(_sent, _arguments.Length - _sent);
        _sent = _arguments.Length;
        return more;
    }

    public string TakeText() => _text.ToString();

    private static string Unwrap(string json) => json.StartsWith('"') ? JsonSerializer.Deserialize(json, WireJson.Default.String)! : json;

    private bool BeginMember()
    {
        string key = _key.ToString().Trim('"');
        bool isName = key == "name" || key == format.Name, isArguments = key is "arguments" or "parameters" || key == format.Arguments;
        if (names is not null && !isName && !isArguments && !OtherMembers.Contains(key))
            return false;
        _member = isName && Name is null ? Member.Name : isArguments && !HasAllArguments ? Member.Arguments : Member.Other;
        _value.Clear();
        return true;
    }

    private bool EndMember()
    {
        if (_member == Member.Name)
            Name = _value[0] == '"' && Unwrap(_value.ToString()) is { Length: > 0 } name ? name : null;
        else if (_member == Member.Arguments)
            HasAllArguments = true;
        bool good = _member != Member.Name || (Name is not null && names?.Contains(Name) != false);
        _member = Member.None;
        return good;
    }
}
