namespace Agentic.SuffixCache;

/// <summary>A factor whose logarithm climbs a gradient, at its own rate (Adagrad).</summary>
internal struct LearnedWeight
{
    private const float Rate = 0.2f;
    public const float FirstSquares = 0.5f;

    // A product of half a dozen stays finite.
    public const float Most = 12;

    private float _value;
    private float _squares;
    private float _gradient;   // not yet followed

    public LearnedWeight(float logarithm)
    {
        _value = logarithm;
        _squares = FirstSquares;
        Weight = MathF.Exp(logarithm);
    }

    /// <summary>One that was learned before.</summary>
    /// <param name="logarithm">Between −<see cref="Most"/> and <see cref="Most"/>.</param>
    /// <param name="squares">At least <see cref="FirstSquares"/>.</param>
    public LearnedWeight(float logarithm, float squares)
        : this(logarithm) => _squares = squares;

    public float Weight { get; private set; }

    public readonly float Logarithm => _value;

    /// <summary>Sum of the gradients' squares, which slow it down.</summary>
    public readonly float Squares => _squares;

    public void Blame(float gradient)
    {
        _squares += gradient * gradient;
        _gradient += gradient;
    }

    public void Follow(float gradient)
    {
        Blame(gradient);
        Climb();
    }

    public void Climb()
    {
        if (_gradient == 0)
            return;
        _value = Math.Clamp(_value + (Rate * _gradient / MathF.Sqrt(_squares)), -Most, Most);
        Weight = MathF.Exp(_value);
        _gradient = 0;
    }
}
