using System.Text;

namespace Agentic.Proxy;

/// <summary>Reads tool calls out of text that arrives in pieces.</summary>
/// <remarks>
/// A call is announced when its name is known and its arguments begin; from then on they pass through as they come. What turns out not
/// to be a call before that is ordinary text; arguments that break off later stay arguments, for the caller to judge. Whitespace around
/// calls is dropped, so that the message renders again as it was written. Fed character by character: no cut of the text can change the
/// events.
/// </remarks>
/// <param name="format">What calls look like.</param>
/// <param name="newCallId">Makes ids of calls.</param>
/// <param name="functions">Those there are: without a marker, only an object that names one of them is a call.</param>
internal sealed class ToolCallParser(CallFormat format, Func<string> newCallId, IReadOnlyList<FunctionTool>? functions = null)
{
    private readonly StringBuilder _held = new();   // whitespace and a marker's beginning, not yet decided
    private int _marker;                            // characters of the marker that _held ends with
    private State _state;
    private ICallReader? _call;
    private bool _anyText, _isBare, _inList;

    private enum State
    {
        Text, Opened, Call, AfterCall, BetweenCalls, BrokenCall,
    }

    /// <summary>Calls announced.</summary>
    public int Calls { get; private set; }

    /// <summary>Calls that have ended.</summary>
    public int EndedCalls { get; private set; }

    /// <summary>What calls look like.</summary>
    public CallFormat Format => format;

    /// <summary>Whether what has come so far may be text or a call.</summary>
    public bool IsUndecided => !_anyText && Calls == 0 && (_state == State.Text || (_isBare && _state is State.Opened or State.Call));

    /// <summary>Whether a call comes before any text.</summary>
    public bool BeginsWithCall => !_anyText && (Calls > 0 || _state != State.Text);

    /// <summary>Takes the next piece of text.</summary>
    public void Push(string text, OutputEvents events)
    {
        foreach (char c in text)
            Push(c, events);
    }

    /// <summary>Takes note that the text has ended.</summary>
    public void Flush(OutputEvents events)
    {
        if (_state == State.Call && !_call!.IsAnnounced)
            Emit(_call.TakeText(), events);
        else if (_state == State.BrokenCall)
            events.Append(OutputEventKind.CallArguments, TakeHeld(), Calls - 1);
        else if (_state == State.Opened || (_state == State.Text && (Calls == 0 || _marker > 0)))
            Emit(TakeHeld(), events);
        if (Calls > EndedCalls)
            EndedCalls++;
        _held.Clear();
        _marker = 0;
        _state = State.Text;
    }

    private void Push(char c, OutputEvents events)
    {
        switch (_state)
        {
            case State.Text:
                InText(c, events);
                break;
            case State.Opened:
                AfterOpening(c, events);
                break;
            case State.Call:
                InCall(c, events);
                break;
            case State.AfterCall when Match(c, format.Close) is { } match:
                if (match.Length > 0)
                    EndCall();
                break;
            case State.AfterCall when _marker == 0 && char.IsWhiteSpace(c):
                _held.Append(c);
                break;
            case State.AfterCall:   // no closing marker: what came instead is text, or the next call
                string instead = TakeHeld() + c;
                EndCall();
                Push(instead, events);
                break;
            case State.BetweenCalls:
                Between(c, events);
                break;
            case State.BrokenCall when Match(c, Stop) is { } match:
                if (match.Length > 0)
                    EndCall();
                break;
            case State.BrokenCall when _marker > 0:
                events.Append(OutputEventKind.CallArguments, TakeHeld(), Calls - 1);
                Push(c, events);
                break;
            default:
                events.Append(OutputEventKind.CallArguments, c.ToString(), Calls - 1);
                break;
        }
    }

    /// <summary>What ends a call that broke off.</summary>
    private string Stop => format.Close.Length > 0 ? format.Close : format.End;

    private void InText(char c, OutputEvents events)
    {
        if (Match(c, format.Open, format.Each) is { } match)
        {
            if (match.Length == 0)
                return;
            _isBare = _inList = false;
            _marker = 0;
            _state = State.Opened;
            if (match != format.Open)
                BeginNotated();
        }
        else if (_marker > 0)   // it was none, but another may begin within it
        {
            int rest = _marker - 1;
            string held = TakeHeld();
            Emit(held[..^rest], events);
            Push(held[^rest..] + c, events);
        }
        else if (char.IsWhiteSpace(c))
        {
            _held.Append(c);
        }
        else if (c is '{' or '[' && format.IsBare && !_anyText)
        {
            _isBare = true;
            _inList = false;
            _state = State.Opened;
            AfterOpening(c, events);
        }
        else
        {
            Emit(TakeHeld() + c, events);
        }
    }

    /// <summary>Where calls come, or may come: in which notation their first character tells.</summary>
    private void AfterOpening(char c, OutputEvents events)
    {
        if (Match(c, format.Each, _isBare || format.IsList ? "" : ElementCallReader.Open) is { } match)
        {
            if (match.Length > 0 && match == format.Each)
                BeginNotated();
            else if (match.Length > 0)
                Begin(new ElementCallReader(TakeHeld(), functions ?? []));
        }
        else if (_marker > 0)   // another marker may begin here
        {
            int begun = _marker;
            string held = TakeHeld();
            Emit(held[..^begun], events);
            _state = State.Text;
            Push(held[^begun..] + c, events);
        }
        else if (char.IsWhiteSpace(c))
        {
            _held.Append(c);
        }
        else if (c == '[' && !_inList && (format.IsList || format.IsBare))
        {
            _held.Append(c);
            _inList = true;
        }
        else if (c == '{')
        {
            Begin(new CallReader(TakeHeld(), format, Names));
            InCall(c, events);
        }
        else if (PythonCallReader.IsOfName(c) && (format.Notation == CallNotation.Python || (_isBare && _inList)))
        {
            Begin(new PythonCallReader(TakeHeld(), format.HasBareTexts, Names));
            InCall(c, events);
        }
        else if (PythonCallReader.IsOfName(c) && format.HasNames && !_inList)
        {
            Begin(new NamedCallReader(TakeHeld(), format));
            InCall(c, events);
        }
        else
        {
            Emit(TakeHeld(), events);
            Resume(c, events);
        }
    }

    /// <summary>The functions of which an unmarked call must name one; null where a call is one whatever it names.</summary>
    private HashSet<string>? Names => !_isBare || (_inList && Calls > 0) ? null
        : functions?.Select(function => function.Name).ToHashSet() ?? [];

    private void InCall(char c, OutputEvents events)
    {
        ICallReader call = _call!;
        bool good = call.Push(c);
        string arguments = call.TakeArguments(out bool announce);
        if (announce)
            events.Add(new OutputEvent(OutputEventKind.CallStart, call.Name!, Calls++, newCallId()));
        events.Append(OutputEventKind.CallArguments, arguments, Calls - 1);
        if (good && !call.IsComplete)
            return;
        if (!call.IsAnnounced)
        {
            Emit(call.TakeText(), events);
            _state = State.Text;
        }
        else if (!good && !call.HasAllArguments)
        {
            _state = State.BrokenCall;
        }
        else if (format.Close.Length == 0)
        {
            EndCall();
        }
        else
        {
            _state = State.AfterCall;
        }

        if (!good)
            Push(c, events);
    }

    /// <summary>After a call of a group: the next, the group's end, or text.</summary>
    private void Between(char c, OutputEvents events)
    {
        if (Match(c, format.End, format.Each) is { } match)
        {
            if (match.Length > 0 && match == format.End)
                EndGroup();
            else if (match.Length > 0)
                BeginNotated();
        }
        else if (_marker > 0)
        {
            string held = TakeHeld();
            _state = State.Text;
            Push(held + c, events);
        }
        else if (_inList && c is ',' or ']')
        {
            _inList = c == ',';
            if (_inList)
            {
                _held.Append(c);
                _state = State.Opened;
            }
            else if (format.End.Length == 0)
            {
                EndGroup();
            }
        }
        else if (!_inList && !_isBare && format.End.Length > 0
            && (c == '{' || (format.Notation == CallNotation.Python && PythonCallReader.IsOfName(c))))
        {
            AfterOpening(c, events);
        }
        else if (!char.IsWhiteSpace(c) && !format.Separator.Contains(c))
        {
            Resume(c, events);
        }
    }

    /// <summary>Begins a call after what stands before each.</summary>
    private void BeginNotated() => Begin(format.Notation switch
    {
        CallNotation.Named => new NamedCallReader(TakeHeld(), format),
        CallNotation.Python => new PythonCallReader(TakeHeld(), format.HasBareTexts, null),
        _ => new CallReader(TakeHeld(), format, null),
    });

    private void Begin(ICallReader call)
    {
        _call = call;
        _state = State.Call;
    }

    private void Resume(char c, OutputEvents events)
    {
        _state = State.Text;
        Push(c, events);
    }

    private void EndCall()
    {
        EndedCalls++;
        _state = format.IsGroup ? State.BetweenCalls : State.Text;
        TakeHeld();
    }

    private void EndGroup()
    {
        _state = State.Text;
        TakeHeld();
    }

    /// <summary>Whether the character goes on with one of the markers, or begins one.</summary>
    /// <returns>Null if not; the marker that is whole with it, and empty until then.</returns>
    private string? Match(char c, string marker, string other = "")
    {
        ReadOnlySpan<char> begun = _marker == 0 ? [] : _held.ToString().AsSpan(_held.Length - _marker);
        foreach (string one in (ReadOnlySpan<string>)[marker, other])
        {
            if (one.Length <= _marker || one[_marker] != c || !one.AsSpan().StartsWith(begun))
                continue;
            _held.Append(c);
            _marker++;
            return one.Length == _marker ? one : "";
        }

        return null;
    }

    private void Emit(string text, OutputEvents events)
    {
        _anyText |= text.Length > 0;
        events.Append(OutputEventKind.Text, text);
    }

    private string TakeHeld()
    {
        string text = _held.ToString();
        _held.Clear();
        _marker = 0;
        return text;
    }
}
