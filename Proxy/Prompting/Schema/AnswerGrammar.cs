using System.Text;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>What answers must look like: JSON of a schema, calls of functions with arguments of theirs, or text in which calls are whole;
/// and before it what the model thinks, freely.</summary>
internal sealed class AnswerGrammar
{
    private const int MostCalls = 128;
    private const int LongestId = 9;     // of a call, where the format has one and asks for no length
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

    /// <summary>A whole call, with what stands around each.</summary>
    private Language Call(FunctionTool function)
    {
        Language call = _format.Notation == CallNotation.Named ? Named(function) : Object(function);
        if (_format.Each.Length > 0)
            call = _grammar.Sequence(_json.Text(_format.Each), _format.Notation == CallNotation.Named ? _grammar.Empty : _json.Space, call);
        return _format.Close.Length == 0 ? call : _grammar.Sequence(call, _json.Space, _json.Text(_format.Close));
    }

    /// <summary>An object, which readers take for any notation that JSON's rules cannot write.</summary>
    private Language Object(FunctionTool function)
    {
        Language name = _json.Member(_json.Name(_format.Name), _json.Name(function.Name));
        Language arguments = _json.Member(_json.Name(_format.Arguments), function.Compile(_json));
        return _json.Brackets("{", _grammar.Sequence(name, _json.Comma, arguments), mayBeEmpty: false, "}");
    }

    private Language Named(FunctionTool function)
    {
        Language[] between = [.. _format.AfterName.Split(CallFormat.IdMark).Select(_json.Text)];
        Language afterName = between[0];
        foreach (Language more in between.Skip(1))
            afterName = _grammar.Sequence(afterName, CallId(), more);
        return _grammar.Sequence(_json.Text(function.Name), afterName, function.Compile(_json));
    }

    private Language CallId() =>
        _grammar.Repeat(_grammar.Choice(_json.Digit, _json.Range('a', 'z'), _json.Range('A', 'Z')), IdLength, IdLength);

    private int IdLength => _format.IdLength == 0 ? LongestId : _format.IdLength;

    /// <summary>From one to some calls, with all that stands around them.</summary>
    private Language Calls(Language call, int most)
    {
        Language open = _format.IsBare ? _grammar.Empty : _json.Text(_format.Open);
        Language opened = _grammar.Sequence(open, Opened(call, most));
        return _format.IsGroup
            ? opened
            : _grammar.Sequence(opened, _grammar.Repeat(_grammar.Sequence(_json.Space, opened), 0, most - 1));
    }

    /// <summary>What stands behind <see cref="CallFormat.Open"/>: one call, or a group of them to its end.</summary>
    private Language Opened(Language call, int most)
    {
        bool namesAtOnce = _format.Notation == CallNotation.Named && _format.Each.Length == 0;
        Language space = _format.IsBare || namesAtOnce ? _grammar.Empty : _json.Space;
        if (!_format.IsGroup)
            return _grammar.Sequence(space, call);
        Language separator = _format.Separator.Length > 0 ? _json.Text(_format.Separator + " ") : _json.Space;
        Language calls = _format.IsList || (_format.IsBare && _format.Notation == CallNotation.Python)
            ? _json.List("[", call, 1, most, "]")
            : _grammar.Sequence(call, _grammar.Repeat(_grammar.Sequence(separator, call), 0, most - 1));
        return _format.End.Length == 0
            ? _grammar.Sequence(space, calls)
            : _grammar.Sequence(space, calls, _json.Space, _json.Text(_format.End));
    }

    /// <summary>Any text in which every call is whole.</summary>
    private Language TextWith(Language call, Language calls)
    {
        if (_format.IsBare)
        {
            // An object or a list is a call at the beginning, and text anywhere else.
            ByteSet brackets = ByteSet.Of((byte)'{') | ByteSet.Of((byte)'[');
            Language text = _grammar.Free = _grammar.Repeat(_grammar.Bytes(ByteSet.All), 0, int.MaxValue);
            return _grammar.Choice(calls, _grammar.Empty, _grammar.Sequence(_grammar.Bytes(~brackets), text));
        }

        GrammarRule free = Until(_format.Open, again => _grammar.Sequence(Opened(call, MostCalls), again), mayEnd: true);
        _grammar.Free = free;
        return free;
    }

    /// <summary>The rest of a thought, its end, and the answer.</summary>
    private GrammarRule ThoughtBefore(Language answer)
    {
        Language blanks = _grammar.Repeat(_grammar.Choice(_json.Text(" "), _json.Text("\n")), 0, MostBlanks);
        return Until(ReasoningParser.CloseMarker, _ => _grammar.Sequence(blanks, answer), mayEnd: false);
    }

    /// <summary>Any text up to a marker, and what follows that: an automaton over how much of the marker has just come (Knuth, Morris
    /// and Pratt's).</summary>
    /// <param name="marker">Not empty.</param>
    /// <param name="then">Given the whole, to begin again.</param>
    /// <param name="mayEnd">Whether the marker need not come.</param>
    private GrammarRule Until(string marker, Func<Language, Language> then, bool mayEnd)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(marker);
        GrammarRule[] matched = [.. bytes.Select(_ => _grammar.Rule())];
        for (int i = 0; i < bytes.Length; i++)
        {
            Language next = mayEnd ? _grammar.Empty : _grammar.Nothing;
            ByteSet further = default;   // bytes after which some of the marker has come
            foreach (byte one in bytes.Distinct())
            {
                byte[] come = [.. bytes[..i], one];
                int length = i + 1;
                while (length > 0 && !come.AsSpan()[^length..].SequenceEqual(bytes.AsSpan(0, length)))
                    length--;
                if (length == 0)
                    continue;
                further |= ByteSet.Of(one);
                next = _grammar.Choice(next, _grammar.Sequence(
                    _grammar.Bytes(ByteSet.Of(one)), length == bytes.Length ? then(matched[0]) : matched[length]));
            }

            matched[i].Body = _grammar.Choice(next, _grammar.Sequence(_grammar.Bytes(~further), matched[0]));
        }

        return matched[0];
    }
}
