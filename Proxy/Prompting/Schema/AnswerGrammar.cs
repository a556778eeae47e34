using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>What answers must look like: JSON of a schema, calls of functions with arguments of theirs, or text in which calls are whole;
/// and before it what the model thinks, freely.</summary>
internal sealed class AnswerGrammar
{
    private const int MostCalls = 128;
    private const int MostBlanks = 4;   // between a thought and the answer

    private readonly Grammar _grammar = new();
    private readonly JsonGrammar _json;
    private readonly CallFormat _format;

    private AnswerGrammar(CallFormat format)
    {
        _json = new JsonGrammar(_grammar);
        _format = format;
    }

    /// <param name="shape">What a text must be; null for anything.</param>
    /// <param name="functions">That may be called.</param>
    /// <param name="mustCall">Whether one of them must be.</param>
    /// <param name="mostCalls">In one answer.</param>
    /// <param name="format">How the model writes calls.</param>
    /// <param name="opensThought">Null for a model that does not think; else whether the answer begins within its thought.</param>
    /// <exception cref="ApiException">400: a schema cannot be kept.</exception>
    public static Grammar Of(
        ResponseFormat? shape, FunctionTool[] functions, bool mustCall, int mostCalls, CallFormat format, bool? opensThought)
    {
        AnswerGrammar answers = new(format);
        Grammar grammar = answers._grammar;
        Language call = grammar.Choice([.. functions.Select(answers.Call)]);
        Language calls = answers.Calls(call, Math.Min(mostCalls, MostCalls));
        Language answer = mustCall ? calls
            : shape is not null ? grammar.Choice(shape.Compile(answers._json), calls)
            : answers.TextWith(call, calls);
        grammar.Start = opensThought switch
        {
            null => answer,
            true => answers.ThoughtBefore(answer),
            false => grammar.Choice(
                answer, grammar.Sequence(answers._json.Text(ReasoningParser.OpenMarker), answers.ThoughtBefore(answer))),
        };
        return grammar;
    }

    /// <summary>A whole call, but for what opens it.</summary>
    private Language Call(FunctionTool function)
    {
        Language name = _json.Member(_json.Name("name"), _json.Name(function.Name));
        Language arguments = _json.Member(_json.Name(_format.Arguments), function.Compile(_json));
        Language call = _json.Brackets("{", _grammar.Sequence(name, _json.Comma, arguments), mayBeEmpty: false, "}");
        return _format.Close is null ? call : _grammar.Sequence(_json.Space, call, _json.Space, _json.Text(_format.Close));
    }

    /// <summary>From one to some calls, with all that stands around them.</summary>
    private Language Calls(Language call, int most)
    {
        if (_format.IsList)
            return _grammar.Sequence(_json.Text(_format.Open), _json.List("[", call, 1, most, "]"));
        Language open = _format.IsBare ? _grammar.Empty : _json.Text(_format.Open);
        Language next = _format.IsBare ? _json.Text("; ") : _grammar.Sequence(_json.Space, open);
        return _grammar.Sequence(open, call, _grammar.Repeat(_grammar.Sequence(next, call), 0, most - 1));
    }

    /// <summary>Any text in which every call is whole.</summary>
    private Language TextWith(Language call, Language calls)
    {
        if (_format.IsBare)
        {
            // An object is a call at the beginning, and text anywhere else.
            Language text = _grammar.Free = _grammar.Repeat(_grammar.Bytes(ByteSet.All), 0, int.MaxValue);
            return _grammar.Choice(calls, _grammar.Empty, _grammar.Sequence(_grammar.Bytes(~ByteSet.Of((byte)'{')), text));
        }

        Language opened = _format.IsList ? _json.List("[", call, 1, MostCalls, "]") : call;
        GrammarRule free = Until(_format.Open, again => _grammar.Sequence(opened, again), mayEnd: true);
        _grammar.Free = free;
        return free;
    }

    /// <summary>The rest of a thought, its end, and the answer.</summary>
    private GrammarRule ThoughtBefore(Language answer)
    {
        Language blanks = _grammar.Repeat(_grammar.Choice(_json.Text(" "), _json.Text("\n")), 0, MostBlanks);
        return Until(ReasoningParser.CloseMarker, _ => _grammar.Sequence(blanks, answer), mayEnd: false);
    }

    /// <summary>Any text up to a marker, and what follows that: an automaton over how much of the marker has just come.</summary>
    /// <param name="marker">Its first character comes in it once.</param>
    /// <param name="then">Given the whole, to begin again.</param>
    /// <param name="mayEnd">Whether the marker need not come.</param>
    private GrammarRule Until(string marker, Func<Language, Language> then, bool mayEnd)
    {
        GrammarRule[] matched = [.. marker.Select(_ => _grammar.Rule())];
        ByteSet first = ByteSet.Of((byte)marker[0]);
        for (int i = 0; i < marker.Length; i++)
        {
            ByteSet next = ByteSet.Of((byte)marker[i]);
            matched[i].Body = _grammar.Choice(
                mayEnd ? _grammar.Empty : _grammar.Nothing,
                _grammar.Sequence(_grammar.Bytes(next), i + 1 < marker.Length ? matched[i + 1] : then(matched[0])),
                i == 0 ? _grammar.Nothing : _grammar.Sequence(_grammar.Bytes(first), matched[1]),
                _grammar.Sequence(_grammar.Bytes(~(next | first)), matched[0]));
        }

        return matched[0];
    }
}
