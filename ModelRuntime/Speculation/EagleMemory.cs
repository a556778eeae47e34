namespace Agentic.ModelRuntime;

/// <summary>What a namespace has taught about a draft head: how its scores are to be taken, and what asking it is good for.</summary>
/// <param name="acceptance">How often the head's first candidate is expected to be right before anything was seen, 0 … 1.</param>
internal sealed class EagleMemory(float acceptance)
{
    // No more is tried for the sake of a chance that is known this well.
    private const float LeastDoubt = 0.1f;

    // Claims: rank 1, 2, 3, more; share from 0.95, from 0.8, then in halves down to 2⁻⁶ (or, of coupled ones, the lead of the first); depth 1, 2,
    // more; and temperature 0, to 0.7, more, and coupled.
    private const int Ranks = 4, Shares = 8, Depths = 3, Temperatures = 4, CoupledTemperature = 3;

    // Foresight: the chance of the likeliest child that others name; and where they name none, depth 1, 2, 3–4, more.
    private const int Rivals = 5, Deeps = 4, Classes = Rivals + Deeps;

    private const float Novelty = 0.1f, TokenNovelty = 0.02f;

    // Of candidates chosen with the target's noise, by rank; and what a small lead leaves of the first's.
    private static readonly float[] CoupledPriors = [1, 0.12f, 0.05f, 0.03f], LeadPriors = [0.6f, 0.8f, 0.9f, 1, 1, 1, 1, 1];

    // Of each class of rival: that the head names it too, that it is right then, that it is right otherwise.
    private static readonly float[] AgreePriors = [0.15f, 0.35f, 0.55f, 0.75f, 0.9f, 0, 0, 0, 0];
    private static readonly float[] AgreedPriors = [0.5f, 0.7f, 0.85f, 0.93f, 0.97f, 0, 0, 0, 0];
    private static readonly float[] RivalPriors = [0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0, 0, 0, 0], FurtherPriors = [0, 0.12f, 0.05f, 0.03f];

    private readonly EdgeCalibrator _agrees = new(AgreePriors), _agreed = new(AgreedPriors), _rival = new(RivalPriors);
    private readonly EdgeCalibrator _own = new([.. Enumerable.Range(0, Classes * Ranks).Select(kind =>
        (kind % Ranks == 0 ? acceptance : FurtherPriors[kind % Ranks]) * (kind / Ranks < Rivals ? 1 - (0.1f * (kind / Ranks)) : 1))]);

    // The head's own first candidates: how many were taken of the last so many, and how many had been believed to be before anything was seen. What
    // turned out in some classes is a guess at the others.
    private const float MostCandidates = 100, PriorCandidates = 4;

    private float _savedTokens, _taken, _believed;

    private float Trust => Math.Min(1, (_taken + PriorCandidates) / (_believed + PriorCandidates));

    /// <summary>How often the target takes a candidate, of its share.</summary>
    public EdgeCalibrator Claims { get; } = new(ClaimPriors(acceptance));

    /// <summary>Seconds a token that the head saves, or would save if it knew all pairs, lately.</summary>
    public float SavedPerToken { get; private set; }

    /// <summary>Tokens of an answer, lately. As many are still to come at any time: what is long already is likely to be longer.</summary>
    public float AnswerTokens { get; private set; } = 64;

    /// <summary>Pairs of a long catch-up, lately: the fewer, the more of a prompt was known from earlier ones.</summary>
    public float CatchUpPairs { get; private set; }

    /// <summary>A long catch-up took place.</summary>
    public void LearnCatchUp(int pairs) => CatchUpPairs += (CatchUpPairs == 0 ? 1 : Novelty) * (pairs - CatchUpPairs);

    /// <summary>A sequence is over.</summary>
    public void LearnAnswer(int tokens) => AnswerTokens += Novelty * (tokens - AnswerTokens);

    /// <summary>A step brought tokens, each of which the head saved so much of.</summary>
    public void LearnSaved(float secondsPerToken, int tokens)
    {
        _savedTokens += tokens;
        SavedPerToken += Math.Max(tokens / _savedTokens, 1 - MathF.Pow(1 - TokenNovelty, tokens)) * (secondsPerToken - SavedPerToken);
    }

    /// <summary>What asking the head about a node is likely to show.</summary>
    /// <param name="depth">Of the node's children, 1 below the root.</param>
    /// <param name="rivalShare">The chance of the likeliest that other sources name, 0 where they name none.</param>
    public Foresight Foresee(int depth, float rivalShare)
    {
        int kind = KindOf(depth, rivalShare);
        return new Foresight(
            _agrees.Probability(kind, 1), _agreed.Probability(kind, 1), _rival.Probability(kind, 1), _own.Probability(kind * Ranks, 1, Trust),
            Math.Max(0, _own.Doubt(kind * Ranks) - LeastDoubt));
    }

    /// <summary>The chance of the head's own further candidates.</summary>
    public float Further(int rank, int depth, float rivalShare) => _own.Probability((KindOf(depth, rivalShare) * Ranks) + Math.Min(rank, Ranks - 1), 1);

    /// <summary>The head was asked, and the target came by.</summary>
    /// <param name="depth">Of the node's children.</param>
    /// <param name="rivalShare">As it was foreseen by.</param>
    /// <param name="agrees">Whether the first candidate was the rival.</param>
    /// <param name="taken">Whether the target took the first candidate.</param>
    /// <param name="rivalTaken">Whether it took the rival.</param>
    public void Learn(int depth, float rivalShare, bool agrees, bool taken, bool rivalTaken)
    {
        int kind = KindOf(depth, rivalShare);
        if (rivalShare > 0)
            _agrees.Learn(kind, 1, agrees);
        if (agrees)
        {
            _agreed.Learn(kind, 1, taken);
            return;
        }

        _own.Learn(kind * Ranks, 1, taken);
        (_taken, _believed) = (_taken + (taken ? 1 : 0), _believed + _own.Prior(kind * Ranks));
        if (_believed > MostCandidates)
            (_taken, _believed) = (_taken / 2, _believed / 2);
        if (rivalShare > 0)
            _rival.Learn(kind, 1, rivalTaken);
    }

    /// <summary>A further candidate was one that no other source named.</summary>
    public void LearnFurther(int rank, int depth, float rivalShare, bool taken) =>
        _own.Learn((KindOf(depth, rivalShare) * Ranks) + Math.Min(rank, Ranks - 1), 1, taken);

    /// <summary>The kind of a candidate with a share of the head's own distribution.</summary>
    public static int Kind(int rank, float share, int depth, float temperature) =>
        Kind(
            rank, share >= 0.95f ? 0 : share >= 0.8f ? 1 : Math.Min(2 + (int)-MathF.Log2(Math.Max(share, 1e-9f)), Shares - 1), depth,
            temperature == 0 ? 0 : temperature <= 0.7f ? 1 : 2);

    /// <summary>The kind of a candidate chosen with the target's noise.</summary>
    /// <param name="rank">0 for the first.</param>
    /// <param name="lead">Of the first's noisy score over the second's.</param>
    /// <param name="depth">1 below the root.</param>
    public static int CoupledKind(int rank, float lead, int depth) =>
        Kind(rank, Math.Clamp((int)(2 * lead), 0, Shares - 1), depth, CoupledTemperature);

    private static int KindOf(int depth, float rivalShare) => rivalShare switch
    {
        <= 0 => Rivals + (depth <= 2 ? depth - 1 : depth <= 4 ? 2 : 3),
        < 0.25f => 0,
        < 0.5f => 1,
        < 0.75f => 2,
        < 0.9f => 3,
        _ => 4,
    };

    private static int Kind(int rank, int share, int depth, int temperature) =>
        (((((temperature * Depths) + Math.Min(depth, Depths) - 1) * Shares) + share) * Ranks) + Math.Min(rank, Ranks - 1);

    private static float[] ClaimPriors(float acceptance)
    {
        float[] priors = new float[Ranks * Shares * Depths * Temperatures];
        Array.Fill(priors, 1);
        for (int kind = priors.Length / Temperatures * CoupledTemperature; kind < priors.Length; kind++)
            priors[kind] = CoupledPriors[kind % Ranks] * (kind % Ranks == 0 ? acceptance * LeadPriors[kind / Ranks % Shares] : 1);
        return priors;
    }
}

/// <summary>What asking a draft head about a node is likely to show.</summary>
/// <param name="Agrees">The chance that its first candidate is the likeliest child that others name: the rival.</param>
/// <param name="Agreed">The chance that the target takes it then.</param>
/// <param name="Rival">The chance that the target takes the rival though the head names another.</param>
/// <param name="Own">The chance that it takes that other.</param>
/// <param name="Doubt">By how much the last may be too low: what was tried little is only found out by trying.</param>
internal readonly record struct Foresight(float Agrees, float Agreed, float Rival, float Own, float Doubt);
