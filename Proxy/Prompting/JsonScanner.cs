using System.Text;
using System.Text.RegularExpressions;

namespace Agentic.Proxy;

/// <summary>Checks one JSON value as its characters arrive: a pushdown automaton over RFC 8259.</summary>
internal sealed partial class JsonScanner
{
    private readonly Stack<bool> _containers = [];   // true: object
    private readonly StringBuilder _scalar = new();
    private Expecting _state = Expecting.Value;
    private bool _inKey;
    private int _hexDigits;

    private enum Expecting
    {
        Value, ValueOrEnd, Key, KeyOrEnd, Colon, CommaOrEnd, Text, Escape, Hex, Scalar, Nothing, Error,
    }

    /// <summary>Open objects and arrays.</summary>
    public int Depth => _containers.Count;

    /// <summary>Whether the value is whole; only whitespace may follow.</summary>
    public bool IsComplete => _state == Expecting.Nothing;

    /// <summary>Whether the last character stood in a member's name, its quotes included.</summary>
    public bool InKey => _inKey;

    /// <summary>Whether a member's or element's value has ended and a comma or a closing bracket is due.</summary>
    public bool AfterValue => _state is Expecting.CommaOrEnd or Expecting.Nothing;

    /// <summary>Whether a value may begin with the next character.</summary>
    public bool BeforeValue => _state is Expecting.Value or Expecting.ValueOrEnd;

    /// <summary>Takes a character; false, now and ever after, once it cannot be JSON.</summary>
    public bool Push(char c)
    {
        if (_state == Expecting.Scalar && !IsScalar(c))
        {
            if (!Scalar().IsMatch(_scalar.ToString()))
                return Fail();
            EndValue();
        }

        bool white = c is ' ' or '\t' or '\n' or '\r';
        switch (_state)
        {
            case Expecting.Value or Expecting.ValueOrEnd or Expecting.Key or Expecting.KeyOrEnd or Expecting.Colon
                or Expecting.CommaOrEnd or Expecting.Nothing when white:
                if (_state == Expecting.Colon)
                    _inKey = false;
                return true;
            case Expecting.Value or Expecting.ValueOrEnd:
                return Begin(c);
            case Expecting.Key or Expecting.KeyOrEnd when c == '"':
                _inKey = true;
                _state = Expecting.Text;
                return true;
            case Expecting.KeyOrEnd when c == '}':
            case Expecting.CommaOrEnd when c is '}' or ']':
                return Close(c);
            case Expecting.Colon when c == ':':
                _inKey = false;
                _state = Expecting.Value;
                return true;
            case Expecting.CommaOrEnd when c == ',':
                _state = _containers.Peek() ? Expecting.Key : Expecting.Value;
                return true;
            case Expecting.Text:
                return InText(c);
            case Expecting.Escape when c == 'u':
                _hexDigits = 4;
                _state = Expecting.Hex;
                return true;
            case Expecting.Escape when c is '"' or '\\' or '/' or 'b' or 'f' or 'n' or 'r' or 't':
                _state = Expecting.Text;
                return true;
            case Expecting.Hex when char.IsAsciiHexDigit(c):
                if (--_hexDigits == 0)
                    _state = Expecting.Text;
                return true;
            case Expecting.Scalar:
                _scalar.Append(c);
                return true;
            default:
                return Fail();
        }
    }

    private bool Begin(char c)
    {
        switch (c)
        {
            case '{' or '[':
                _containers.Push(c == '{');
                _state = c == '{' ? Expecting.KeyOrEnd : Expecting.ValueOrEnd;
                return true;
            case ']' when _state == Expecting.ValueOrEnd:
                return Close(c);
            case '"':
                _state = Expecting.Text;
                return true;
            default:
                _scalar.Clear().Append(c);
                _state = Expecting.Scalar;
                return IsScalar(c) || Fail();
        }
    }

    private bool InText(char c)
    {
        if (c == '\\')
            _state = Expecting.Escape;
        else if (c == '"' && _inKey)
            _state = Expecting.Colon;
        else if (c == '"')
            EndValue();
        else if (c < ' ')
            return Fail();
        return true;
    }

    private bool Close(char c)
    {
        if (_containers.Pop() != (c == '}'))
            return Fail();
        EndValue();
        return true;
    }

    private void EndValue() => _state = _containers.Count == 0 ? Expecting.Nothing : Expecting.CommaOrEnd;

    private bool Fail()
    {
        _state = Expecting.Error;
        return false;
    }

    private static bool IsScalar(char c) => char.IsAsciiLetterOrDigit(c) || c is '-' or '+' or '.';

    [GeneratedRegex(@"^(true|false|null|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?)$")]
    private static partial Regex Scalar();
}
