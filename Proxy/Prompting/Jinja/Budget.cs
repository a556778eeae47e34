using System.Runtime.CompilerServices;

namespace Agentic.Proxy;

/// <summary>
/// What one rendering may use. Templates come with model files, so one that loops or grows without end must end in an error
/// and not in a lost server: steps bound what it does, allocated bytes what it makes, and a clock what neither foresaw. What a
/// template may make grows with what it was given, for a long history is honest. A step is about one node of the tree, sixteen
/// characters or four items moved.
/// </summary>
/// <param name="given">Characters of the variables; see <see cref="PyType.Weight"/>.</param>
internal sealed class Budget(long given = 0)
{
    /// <summary>Calls of macros and recursive loops within each other; Python allows about two hundred.</summary>
    public const int MaxDepth = 300;

    private const long BaseSteps = 10_000_000;
    private const long BaseText = 1 << 20;
    private const long BaseBytes = 32 << 20;
    private const int MaxSeconds = 1;

    // The clock is for what steps do not foresee; an ordinary rendering that the machine made wait ends before it is looked at.
    private const long StepsBeforeClock = 50_000;

    // Between two looks at bytes and clock.
    private const int Interval = 32;

    // Comparing and printing values deep inside other values is paid for as well, and they have no way to hand a budget down.
    [ThreadStatic]
    private static Budget? _current;

    private readonly long _maxSteps = BaseSteps + 16 * given;
    private readonly long _maxBytes = BaseBytes + 64 * given;
    private readonly long _bytesBefore = GC.GetAllocatedBytesForCurrentThread();
    private readonly long _maxMilliseconds = MaxSeconds * 1000 + given / 1000;
    private readonly long _start = Environment.TickCount64;
    private long _steps;
    private long _nextLook = Interval;
    private int _depth;

    /// <summary>The budget of the rendering on this thread; a stranger's outside any.</summary>
    public static Budget Current => _current ?? new Budget();

    /// <summary>Characters in one text, the result included.</summary>
    public long MaxText { get; } = BaseText + 8 * given;

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
        if ((_steps += steps) > _nextLook)
            Look();
    }

    /// <summary>Pays for a text before it is made.</summary>
    public void ChargeText(long characters)
    {
        CheckLength(characters);
        Reserve(characters * sizeof(char));
        Charge(characters >> 4);
    }

    /// <summary>Refuses a text that has grown too long.</summary>
    public void CheckLength(long characters)
    {
        if (characters > MaxText)
            throw JinjaException.Limit($"the template makes a text of {characters} characters; at most {MaxText} are allowed");
    }

    /// <summary>Pays for reading a text to its end.</summary>
    public static void ChargeReading(string text)
    {
        if (text.Length > 64)
            _current?.Charge(text.Length >> 6);
    }

    /// <summary>Pays for a list before it is made.</summary>
    public void ChargeItems(long items)
    {
        Reserve(items * 8);
        Charge(items >> 2);
    }

    /// <summary>Refuses what would take too many bytes, before it does.</summary>
    public void Reserve(long bytes)
    {
        if (bytes > 4096 && Allocated + bytes > _maxBytes)
            throw TooMuch();
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

    private long Allocated => GC.GetAllocatedBytesForCurrentThread() - _bytesBefore;

    private void Look()
    {
        if (_steps > _maxSteps)
            throw JinjaException.Limit($"the template does not come to an end: stopped after {_maxSteps} steps");
        if (Allocated > _maxBytes)
            throw TooMuch();
        if (_steps > StepsBeforeClock && Environment.TickCount64 - _start > _maxMilliseconds)
            throw JinjaException.Limit($"the template does not come to an end: stopped after {_maxMilliseconds} ms");
        _nextLook = _steps + Interval;
    }

    private JinjaException TooMuch() =>
        JinjaException.Limit($"the template makes more values than fit: stopped after {_maxBytes >> 20} MB");
}
