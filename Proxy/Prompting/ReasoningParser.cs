using System.Text;

namespace Agentic.Proxy;

/// <summary>
/// Tells what a model thinks from what it answers: <c>&lt;think&gt;…&lt;/think&gt;</c> at the beginning of what it writes, or only its
/// end where the prompt has opened it. Fed character by character: no cut of the text can change the events.
/// </summary>
/// <remarks>Whitespace around the thoughts is dropped, as templates drop it when a thought comes back in a history.</remarks>
/// <param name="opened">Whether the prompt ends in the opening marker.</param>
internal sealed class ReasoningParser(bool opened)
{
    public const string OpenMarker = "<think>";
    public const string CloseMarker = "</think>";

    /// <summary>Whether this markup of the model is for this reader.</summary>
    public static bool IsMarker(string text) => text is OpenMarker or CloseMarker;

    private readonly StringBuilder _held = new();   // whitespace and a marker's beginning, not yet decided
    private readonly StringBuilder _answer = new();
    private State _state = opened ? State.Thought : State.Start;
    private int _marker;                            // characters of the marker that _held ends with

    private enum State
    {
        Start, Thought, AfterThought, Answer,
    }

    /// <summary>Whether what has come so far may be a thought or the answer.</summary>
    public bool IsUndecided => _state == State.Start;

    /// <summary>Whether a thought is going on, or its end has come and nothing after it.</summary>
    public bool IsThinking => _state is State.Thought or State.AfterThought;

    /// <summary>Whether anything has been thought.</summary>
    public bool HasThought { get; private set; }

    /// <summary>Takes the next piece of text and returns what of it is the answer.</summary>
    public string Push(string text, OutputEvents events)
    {
        if (_state == State.Answer)
            return text;
        foreach (char c in text)
            Push(c, events);
        return TakeAnswer();
    }

    /// <summary>Takes note that the text has ended; returns what turned out to be the answer.</summary>
    public string Flush(OutputEvents events)
    {
        if (_state == State.Start)
            _answer.Append(_held);
        else if (_state == State.Thought && _marker > 0)
            Think(events);
        return TakeAnswer();
    }

    private void Push(char c, OutputEvents events)
    {
        switch (_state)
        {
            case State.Start when Matches(OpenMarker, c):
                if (_marker == OpenMarker.Length)
                    Enter(State.Thought);
                break;
            case State.Start when _marker == 0 && char.IsWhiteSpace(c):
                _held.Append(c);
                break;
            case State.Start:
                _answer.Append(_held).Append(c);
                Enter(State.Answer);
                break;
            case State.Thought when Matches(CloseMarker, c):
                if (_marker == CloseMarker.Length)
                    Enter(State.AfterThought);
                break;
            case State.Thought when _marker > 0:   // it was none, but this may begin one
                Think(events);
                Push(c, events);
                break;
            case State.Thought:
                _held.Append(c);
                if (!char.IsWhiteSpace(c))
                    Think(events);
                break;
            case State.AfterThought when char.IsWhiteSpace(c):
                break;
            default:
                _state = State.Answer;
                _answer.Append(c);
                break;
        }
    }

    private void Think(OutputEvents events)
    {
        string text = _held.ToString();
        events.Append(OutputEventKind.Reasoning, HasThought ? text : text.TrimStart());
        HasThought = true;
        _held.Clear();
        _marker = 0;
    }

    private bool Matches(string marker, char c)
    {
        if (c != marker[_marker])
            return false;
        _held.Append(c);
        _marker++;
        return true;
    }

    private void Enter(State state)
    {
        _state = state;
        _held.Clear();
        _marker = 0;
    }

    private string TakeAnswer()
    {
        string text = _answer.ToString();
        _answer.Clear();
        return text;
    }
}
