using System.Globalization;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>Multiples of a number: an automaton over the remainder of the digits read so far.</summary>
/// <remarks>With the step written as M / 10ᵈ, x is a multiple if x · 10ᵈ leaves no remainder by M.</remarks>
internal sealed class Multiples
{
    /// <summary>Largest M: the automaton has so many states for each digit after the point.</summary>
    public const int MostStates = 10_000;

    private readonly JsonGrammar _json;
    private readonly int _step, _fractionDigits;
    private readonly GrammarRule[] _whole;
    private readonly Dictionary<(int Remainder, int Digits), Language> _fractions = [];

    private Multiples(JsonGrammar json, int step, int fractionDigits, bool integers)
    {
        (_json, _step, _fractionDigits) = (json, step, fractionDigits);
        Grammar grammar = json.Grammar;
        _whole = [.. Enumerable.Range(0, step).Select(_ => grammar.Rule())];
        for (int remainder = 0; remainder < step; remainder++)
        {
            Language[] digits = [.. Enumerable.Range(0, 10).Select(digit =>
                grammar.Sequence(Digit(digit), _whole[Push(_whole.Length, remainder, digit)]))];
            Language fraction = integers ? grammar.Nothing : grammar.Sequence(json.Text("."), Fraction(remainder, 0));
            _whole[remainder].Body = grammar.Choice([.. digits, fraction, IsMultiple(remainder, 0) ? grammar.Empty : grammar.Nothing]);
        }
    }

    /// <summary>The multiples of a step, without exponents; to be cut to what is a number.</summary>
    /// <returns>Null if the step has too many digits.</returns>
    public static Language? Of(JsonGrammar json, decimal step, bool integers)
    {
        string text = step.ToString(CultureInfo.InvariantCulture);
        int digits = text.Contains('.', StringComparison.Ordinal) ? text.TrimEnd('0').Length
            - text.IndexOf('.', StringComparison.Ordinal) - 1 : 0;
        decimal scaled = step;
        for (int i = 0; i < digits; i++)
            scaled *= 10;
        if (scaled > MostStates)
            return null;
        Multiples multiples = new(json, (int)scaled, digits, integers);
        Grammar grammar = json.Grammar;
        return grammar.Sequence(grammar.Optional(json.Text("-")), grammar.Choice(
            [.. Enumerable.Range(0, 10).Select(digit =>
                grammar.Sequence(multiples.Digit(digit), multiples._whole[digit % multiples._step]))]));
    }

    private Language Digit(int digit) => _json.Range((char)('0' + digit), (char)('0' + digit));

    /// <summary>Digits after the point, at least one, after which the remainder is as it must be.</summary>
    private Language Fraction(int remainder, int digits)
    {
        if (digits == _fractionDigits)
            return _json.Grammar.Nothing;
        if (_fractions.TryGetValue((remainder, digits), out Language? known))
            return known;
        Grammar grammar = _json.Grammar;
        Language[] nexts = [.. Enumerable.Range(0, 10).Select(digit =>
        {
            int next = Push(_step, remainder, digit);
            Language end = IsMultiple(next, digits + 1) ? grammar.Empty : grammar.Nothing;
            return grammar.Sequence(Digit(digit), grammar.Choice(end, Fraction(next, digits + 1)));
        })];
        return _fractions[(remainder, digits)] = grammar.Choice(nexts);
    }

    private bool IsMultiple(int remainder, int digits)
    {
        for (int i = digits; i < _fractionDigits; i++)
            remainder = Push(_step, remainder, 0);
        return remainder == 0;
    }

    private static int Push(int step, int remainder, int digit) => (int)(((10L * remainder) + digit) % step);
}
