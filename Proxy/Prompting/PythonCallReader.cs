using System.Text;

namespace Agentic.Proxy;

/// <summary>A call as Python has it: <c>NAME(argument=value, …)</c>, all arguments by their names.</summary>
/// <remarks>An argument is told of when it has ended, as JSON.</remarks>
/// <param name="before">What was read before the name, for the case that it is no call after all.</param>
/// <param name="bareTexts">Whether what is no value is a text without quotes.</param>
/// <param name="names">Null where a marker has said that this is a call; otherwise it is one only with one of these names.</param>
internal sealed class PythonCallReader(string before, bool bareTexts, IReadOnlySet<string>? names) : ICallReader
{
    private readonly StringBuilder _text = new(before);
    private readonly StringBuilder _read = new();   // of the part that has not ended
    private readonly StringBuilder _arguments = new();
    private State _state = State.Name;
    private string _name = "", _argument = "";
    private bool _any, _escaped;
    private char _quote;   // of the text that goes on within a value, or none
    private int _depth;    // brackets open within a value

    private enum State
    {
        Name, Argument, Value, Ended,
    }

    public string? Name { get; private set; }

    public bool IsAnnounced { get; private set; }

    public bool IsComplete => _state == State.Ended;

    public bool HasAllArguments => IsComplete;

    public bool Push(char c)
    {
        bool good = _state switch
        {
            State.Name => InName(c),
            State.Argument => InArgument(c),
            _ => InValue(c),
        };
        if (good)
            _text.Append(c);
        else if (IsAnnounced)
            _arguments.Append(Take());
        return good;
    }

    public string TakeArguments(out bool announce)
    {
        announce = Name is not null && !IsAnnounced;
        IsAnnounced |= announce;
        string more = _arguments.ToString();
        _arguments.Clear();
        return more;
    }

    public string TakeText() => _text.ToString();

    /// <summary>Whether a name may hold this character.</summary>
    public static bool IsOfName(char c) => char.IsLetterOrDigit(c) || c is '_' or '.' or '-';

    private bool InName(char c)
    {
        if (IsOfName(c))
        {
            _read.Append(c);
            return true;
        }

        _name = Take();
        _state = State.Argument;
        return c == '(' && _name.Length > 0 && names?.Contains(_name) != false;
    }

    private bool InArgument(char c)
    {
        if (c == ')' && _read.Length == 0)
            return End();
        if (c == '=' && _read.Length > 0)
        {
            _argument = Take();
            _state = State.Value;
            return true;
        }

        if (char.IsWhiteSpace(c))
            return true;
        _read.Append(c);
        return char.IsLetterOrDigit(c) || c is '_' or '-';
    }

    private bool InValue(char c)
    {
        bool ends = _quote == '\0' && _depth == 0 && c is ',' or ')';
        if (!ends)
        {
            _read.Append(c);
            return Within(c);
        }

        string written = _read.ToString();
        if ((PythonLiteral.ToJson(written) ?? (bareTexts ? PythonLiteral.Quote(written.Trim()) : null)) is not { } value)
            return false;
        Take();
        Name = _name;
        _arguments.Append(_any ? ", " : "{").Append(PythonLiteral.Quote(_argument)).Append(": ").Append(value);
        _any = true;
        _state = State.Argument;
        return c == ',' || End();
    }

    /// <summary>Keeps count of what must end before the value can.</summary>
    private bool Within(char c)
    {
        if (_quote != '\0')
        {
            if (!_escaped && c == _quote)
                _quote = '\0';
            _escaped = !_escaped && c == '\\';
            return true;
        }

        if (c is '"' or '\'')
            _quote = c;
        _depth += c is '(' or '[' or '{' ? 1 : c is ')' or ']' or '}' ? -1 : 0;
        return _depth >= 0;
    }

    private bool End()
    {
        Name = _name;
        _arguments.Append(_any ? "}" : "{}");
        _state = State.Ended;
        return true;
    }

    private string Take()
    {
        string text = _read.ToString();
        _read.Clear();
        return text;
    }
}
