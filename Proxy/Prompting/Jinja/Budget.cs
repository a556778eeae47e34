using System.Runtime.CompilerServices;

namespace Agentic.Proxy;

/// <summary>
/// What one rendering may use. Templates come with model files, so one that loops or grows without end must end in an error
/// and not in a lost server. A step is about one node of the tree, or sixteen characters or four items moved.
/// </summary>
internal sealed class Budget
{
    /// <summary>Loops that do nothing spend it in 2 s; a history of 120 messages and 140 kB is rendered in 1 to 2 ms.</summary>
    public const long MaxSteps = 50_000_000;

    /// <summary>Characters in one text, the result included.</summary>
    public const int MaxText = 32 << 20;

    /// <summary>Calls of macros and recursive loops within each other; Python allows about two hundred.</summary>
    public const int MaxDepth = 300;

    // Comparing and printing values deep inside other values is paid for as well, and they have no way to hand a budget down.
    [ThreadStatic]
    private static Budget? _current;

    private long _steps = MaxSteps;
    private int _depth;

    /// <summary>The budget of the rendering on this thread; an unlimited stranger outside any.</summary>
    public static Budget Current => _current ?? new Budget();

    /// <summary>Makes this the budget of the thread; returns the one before, to be put back.</summary>
    public static Budget? Swap(Budget? budget)
    {
        Budget? before = _current;
        _current = budget;
        return before;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Charge(long steps = 1)
    {
        if ((_steps -= steps) < 0)
            throw JinjaException.Limit($"the template does not come to an end: stopped after {MaxSteps} steps");
    }

    /// <summary>Pays for a text before it is made.</summary>
    public void ChargeText(long characters)
    {
        if (characters > MaxText)
            throw JinjaException.Limit($"the template makes a text of {characters} characters; at most {MaxText} are allowed");
        Charge(characters >> 4);
    }

    /// <summary>Pays for a list before it is made.</summary>
    public void ChargeItems(long items)
    {
        if (items > MaxText / 4)
            throw JinjaException.Limit($"the template makes a list of {items} items; at most {MaxText / 4} are allowed");
        Charge(items >> 2);
    }

    public void Enter()
    {
        if (++_depth > MaxDepth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw JinjaException.Recursion();
    }

    public void Leave() => _depth--;

    /// <summary>Guards functions that follow values into values.</summary>
    public static void Descend()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw JinjaException.Recursion();
    }
}
