using System.Text;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>One token and how likely it was.</summary>
/// <param name="Id">The token.</param>
/// <param name="Logprobs">Null for a prompt's first token, which follows nothing.</param>
internal readonly record struct ScoredToken(int Id, TokenLogprobs? Logprobs);

/// <summary>Reads one choice's tokens, one at a time, and says what of them a client should see: the seam between tokens and
/// text.</summary>
/// <remarks>It never looks at how many tokens a step brought, so the events cannot depend on it (docs/design.md, decision 10).</remarks>
/// <param name="codec">The model's.</param>
/// <param name="stops">Strings that end the answer.</param>
/// <param name="calls">Reads calls, where there may be some.</param>
/// <param name="mostCalls">After how many of them the answer ends.</param>
/// <param name="reasoning">Reads thoughts, where the model has some.</param>
internal sealed class ChoiceReader(
    ITextCodec codec, IReadOnlyList<string> stops, ToolCallParser? calls = null, int mostCalls = int.MaxValue,
    ReasoningParser? reasoning = null)
{
    private readonly IStreamingDecoder _decoder = codec.CreateDecoder();
    private readonly StopMatcher _stops = new(stops);
    private readonly Queue<(ScoredToken Token, int Start)> _scores = [];
    private readonly StringBuilder _text = new();
    private readonly List<int> _ids = [];
    private int _read, _shown;   // characters decoded, and of them let through by the stop matcher

    /// <summary>Tokens the model wrote, the stop token included.</summary>
    public int Tokens { get; private set; }

    /// <summary>Those of them that are thoughts, with their markers.</summary>
    public int ReasoningTokens { get; private set; }

    /// <summary>How it ended, or null while it goes on. After that nothing more is read.</summary>
    public FinishReason? Finish { get; private set; }

    /// <summary>Calls announced.</summary>
    public int Calls => calls?.Calls ?? 0;

    /// <summary>Whether what has come so far may yet be a thought, text or a call.</summary>
    public bool IsUndecided => Finish is null
        && (reasoning is { IsUndecided: true } || (calls is { IsUndecided: true } && reasoning is not { HasThought: true }));

    /// <summary>What was generated, without a stop token; markup included.</summary>
    public IReadOnlyList<int> Ids => _ids;

    /// <summary>The text of <see cref="Ids"/>.</summary>
    public string Text => _text.ToString();

    /// <summary>Whether the answer is a call, or calls, and no text comes first.</summary>
    public bool BeginsWithCall => calls is { BeginsWithCall: true };

    /// <summary>Whether a stop string ended it: its text is in <see cref="Ids"/> and not in the events.</summary>
    public bool StoppedByText => _stops.Stopped;

    /// <summary>Reads the next token; what a client should be told is added to <paramref name="events"/>.</summary>
    /// <param name="output">The engine's.</param>
    /// <param name="events">Filled in order.</param>
    /// <param name="scores">Filled with the tokens whose text has been let through, if they carry log-probabilities.</param>
    public void Read(TokenOutput output, OutputEvents events, List<ScoredToken> scores)
    {
        if (Finish is not null)
            return;
        if (output.TokenId >= 0)
        {
            Tokens++;
            if (output.Finish != FinishReason.Stop)
            {
                bool undecided = reasoning is { IsUndecided: true };
                int start = _read;
                _ids.Add(output.TokenId);
                Show(_stops.Push(Decode(output.TokenId)), events);
                if (reasoning is { IsThinking: true })
                {
                    // What might have been the answer was the marker's beginning.
                    ReasoningTokens = undecided ? Tokens : ReasoningTokens + 1;
                    _scores.Clear();   // of the answer only
                }
                else if (output.Logprobs is { } logprobs)
                {
                    _scores.Enqueue((new ScoredToken(output.TokenId, logprobs), start));
                }
            }
        }

        if (!_stops.Stopped && output.Finish is not null)
        {
            Show(_stops.Push(Take(_decoder.Flush())), events);
            if (!_stops.Stopped)
                Show(_stops.Flush(), events);
        }

        bool enough = _stops.Stopped || (calls is not null && calls.EndedCalls >= mostCalls);
        Finish = enough ? FinishReason.Stop : output.Finish;
        if (Finish is not null)
            End(events);
        while ((Finish is not null || reasoning is not { IsUndecided: true })
            && _scores.TryPeek(out (ScoredToken Token, int Start) next) && (next.Start < _shown || (Finish is not null && !_stops.Stopped)))
            scores.Add(_scores.Dequeue().Token);
    }

    private void Show(string text, OutputEvents events)
    {
        _shown += text.Length;
        Answer(reasoning is null ? text : reasoning.Push(text, events), events);
    }

    private void Answer(string text, OutputEvents events)
    {
        if (calls is null)
            events.Append(OutputEventKind.Text, text);
        else
            calls.Push(text, events);
    }

    private void End(OutputEvents events)
    {
        if (reasoning is not null)
            Answer(reasoning.Flush(events), events);
        calls?.Flush(events);
    }

    private string Decode(int id)
    {
        if (!codec.IsSpecial(id))
            return Take(_decoder.Push(id));
        // Markup is not shown, but where a model's markers are special tokens the parsers must see them.
        string markup = Encoding.UTF8.GetString(codec.TokenBytes(id));
        if ((calls is not null && calls.Format.IsMarker(markup))
            || (reasoning is not null && ReasoningParser.IsMarker(markup)))
            return Take(_decoder.Flush()) + Take(markup);
        _text.Append(markup);
        return "";
    }

    private string Take(string text)
    {
        _text.Append(text);
        _read += text.Length;
        return text;
    }
}
