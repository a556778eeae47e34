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
    private bool _anyText, _isBare;

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
    public bool IsUndecided => !_anyText && Calls == 0 && (_state == State.Text || (_state == State.Call && _isBare));

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
                AfterMarker(c, events);
                break;
            case State.Call:
                InCall(c, events);
                break;
            case State.AfterCall when Matches(format.Close!, c):
                if (_marker == format.Close!.Length)
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
            case State.BrokenCall when format.Close is { } close && Matches(close, c):
                if (_marker == close.Length)
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

    private void InText(char c, OutputEvents events)
    {
        if (Matches(format.Open, c))
        {
            if (_marker < format.Open.Length)
                return;
            _isBare = false;
            _marker = 0;
            _state = State.Opened;
        }
        else if (_marker > 0)
        {
            Emit(TakeHeld(), events);
            InText(c, events);
        }
        else if (char.IsWhiteSpace(c))
        {
            _held.Append(c);
        }
        else if (c == '{' && format.IsBare && !_anyText)
        {
            _isBare = true;
            Begin(new CallReader(TakeHeld(), functions?.Select(function => function.Name).ToHashSet() ?? []));
            InCall(c, events);
        }
        else
        {
            Emit(TakeHeld() + c, events);
        }
    }

    /// <summary>Where a marker has said that a call comes: in which notation its first character tells.</summary>
    private void AfterMarker(char c, OutputEvents events)
    {
        if (!format.IsList && Matches(ElementCallReader.Open, c))
        {
            if (_marker == ElementCallReader.Open.Length)
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
        else if (format.IsList && c == '[')
        {
            Begin(new CallReader(TakeHeld() + c, null));
        }
        else if (!format.IsList || char.IsAsciiLetterOrDigit(c) || c == '_')
        {
            Begin(format.IsList ? new NamedCallReader(TakeHeld()) : new CallReader(TakeHeld(), null));
            InCall(c, events);
        }
        else
        {
            Emit(TakeHeld(), events);
            Resume(c, events);
        }
    }

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
        else if (format.Close is null)
        {
            EndCall();
            _state = State.BetweenCalls;
        }
        else
        {
            _state = State.AfterCall;
        }

        if (!good)
            Push(c, events);
    }

    /// <summary>After a call that needs no marker to end it.</summary>
    private void Between(char c, OutputEvents events)
    {
        if (char.IsWhiteSpace(c) || (format.IsBare && c == ';'))
            return;
        if (format.IsList && c == ',')
            Begin(new CallReader(",", null));
        else if (format.IsList && c == ']')
            _state = State.Text;
        else
            Resume(c, events);
    }

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
        _state = State.Text;
        TakeHeld();
    }

    private bool Matches(string marker, char c)
    {
        if (c != marker[_marker])
            return false;
        _held.Append(c);
        _marker++;
        return true;
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
