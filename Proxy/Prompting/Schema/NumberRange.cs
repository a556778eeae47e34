using System.Globalization;
using System.Numerics;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>Numbers within bounds, by their digits.</summary>
internal sealed class NumberRange(JsonGrammar json)
{
    private readonly Grammar _grammar = json.Grammar;

    /// <summary>Whole numbers within inclusive bounds.</summary>
    public Language Integers(BigInteger? least, BigInteger? most)
    {
        if (least is null && most is null)
            return json.Integer;
        Language negative = _grammar.Sequence(
            json.Text("-"), Whole(most is { } m ? BigInteger.Max(1, -m) : BigInteger.One, least is { } l ? -l : null));
        Language other = most < 0 ? _grammar.Nothing : Whole(least is { } from ? BigInteger.Max(0, from) : 0, most);
        return _grammar.Choice(least >= 0 ? _grammar.Nothing : negative, other);
    }

    /// <summary>Numbers, without exponents, of at least a bound.</summary>
    public Language AtLeast(decimal bound, bool strict) => bound > 0 || (bound == 0 && strict)
        ? MagnitudeAtLeast(bound, strict)
        : _grammar.Choice(MagnitudeAtLeast(0, false), Negative(MagnitudeAtMost(-bound, strict)));

    /// <summary>Numbers, without exponents, of at most a bound.</summary>
    public Language AtMost(decimal bound, bool strict) => bound < 0 || (bound == 0 && strict)
        ? Negative(MagnitudeAtLeast(-bound, strict))
        : _grammar.Choice(MagnitudeAtMost(bound, strict), Negative(MagnitudeAtLeast(0, false)));

    /// <summary>Whole numbers of no sign; without an upper bound, of as many digits as the lower one or as numbers have.</summary>
    private Language Whole(BigInteger least, BigInteger? most)
    {
        int shortest = Digits(least).Length;
        BigInteger last = most ?? BigInteger.Pow(10, Math.Max(JsonGrammar.MostDigits, shortest) + 1) - 1;
        List<Language> lengths = [];
        for (int length = shortest; length <= Digits(last).Length && least <= last; length++)
        {
            BigInteger from = length == 1 ? 0 : BigInteger.Pow(10, length - 1), to = BigInteger.Pow(10, length) - 1;
            lengths.Add(Between(Digits(BigInteger.Max(least, from)), Digits(BigInteger.Min(last, to))));
        }

        return _grammar.Choice([.. lengths]);
    }

    private Language Between(string least, string most)
    {
        if (least.Length == 0)
            return _grammar.Empty;
        if (least[0] == most[0])
            return _grammar.Sequence(json.Range(least[0], most[0]), Between(least[1..], most[1..]));
        string zeros = new('0', least.Length - 1), nines = new('9', least.Length - 1);
        if (least == $"0{zeros}" && most == $"9{nines}")
            return _grammar.Repeat(json.Digit, least.Length, least.Length);
        Language middle = least[0] + 1 < most[0]
            ? _grammar.Sequence(json.Range((char)(least[0] + 1), (char)(most[0] - 1)),
                _grammar.Repeat(json.Digit, zeros.Length, zeros.Length))
            : _grammar.Nothing;
        return _grammar.Choice(
            _grammar.Sequence(json.Range(least[0], least[0]), Between(least[1..], nines)),
            middle,
            _grammar.Sequence(json.Range(most[0], most[0]), Between(zeros, most[1..])));
    }

    private Language MagnitudeAtLeast(decimal bound, bool strict)
    {
        (BigInteger whole, string fraction) = Split(bound);
        return _grammar.Choice(
            _grammar.Sequence(Whole(whole + 1, null), json.Fraction),
            _grammar.Sequence(json.Text(Digits(whole)), FractionAtLeast(fraction, strict)));
    }

    private Language MagnitudeAtMost(decimal bound, bool strict)
    {
        (BigInteger whole, string fraction) = Split(bound);
        return _grammar.Choice(
            whole == 0 ? _grammar.Nothing : _grammar.Sequence(Whole(0, whole - 1), json.Fraction),
            _grammar.Sequence(json.Text(Digits(whole)), FractionAtMost(fraction, strict)));
    }

    private Language FractionAtLeast(string bound, bool strict)
    {
        if (bound.Length == 0)
            return strict ? _grammar.Sequence(json.Text("."), NotZero()) : json.Fraction;
        Language tail = strict ? NotZero() : AnyDigits();
        for (int i = bound.Length - 1; i >= 0; i--)
        {
            Language more = bound[i] == '9' ? _grammar.Nothing : _grammar.Sequence(json.Range((char)(bound[i] + 1), '9'), AnyDigits());
            tail = _grammar.Choice(more, _grammar.Sequence(json.Range(bound[i], bound[i]), tail));
        }

        return _grammar.Sequence(json.Text("."), tail);
    }

    private Language FractionAtMost(string bound, bool strict)
    {
        Language zeros = _grammar.Repeat(json.Text("0"), 0, JsonGrammar.MostFractionDigits);
        if (bound.Length == 0)
        {
            Language none = _grammar.Repeat(json.Text("0"), 1, JsonGrammar.MostFractionDigits);
            return strict ? _grammar.Nothing : _grammar.Optional(_grammar.Sequence(json.Text("."), none));
        }

        Language tail = strict ? _grammar.Nothing : zeros;
        for (int i = bound.Length - 1; i >= 0; i--)
        {
            Language less = bound[i] == '0' ? _grammar.Nothing : _grammar.Sequence(json.Range('0', (char)(bound[i] - 1)), AnyDigits());
            // What breaks off is less: the bound's last digit is not 0.
            Language rest = i == bound.Length - 1 ? tail : _grammar.Optional(tail);
            tail = _grammar.Choice(less, _grammar.Sequence(json.Range(bound[i], bound[i]), rest));
        }

        return _grammar.Optional(_grammar.Sequence(json.Text("."), tail));
    }

    private Language AnyDigits() => _grammar.Repeat(json.Digit, 0, JsonGrammar.MostFractionDigits);

    private Language NotZero() => _grammar.Sequence(
        _grammar.Repeat(json.Text("0"), 0, JsonGrammar.MostFractionDigits), json.Range('1', '9'), AnyDigits());

    private Language Negative(Language magnitude) => _grammar.Sequence(json.Text("-"), magnitude);

    /// <summary>The digits before the point, and those after it without zeros at the end.</summary>
    private static (BigInteger Whole, string Fraction) Split(decimal bound)
    {
        string[] parts = bound.ToString(CultureInfo.InvariantCulture).Split('.');
        return (BigInteger.Parse(parts[0], CultureInfo.InvariantCulture), parts.Length == 1 ? "" : parts[1].TrimEnd('0'));
    }

    private static string Digits(BigInteger value) => value.ToString(CultureInfo.InvariantCulture);
}
