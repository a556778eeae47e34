using System.Runtime.CompilerServices;

namespace Agentic.ModelRuntime;

/// <summary>
/// A grammar's states by number, with a table of what follows each byte that is filled as it is asked: a walk over a vocabulary asks some
/// hundred thousand times, and an answer must cost a look into an array.
/// </summary>
internal sealed class GrammarAutomaton(Grammar grammar)
{
    /// <summary>The state in which nothing may follow.</summary>
    public const int Dead = 0;

    private const int Unknown = -1;
    private const int FewStates = 16;
    private const int ManyStates = 4096;   // 4 MB

    private readonly Dictionary<Language, int> _numbers = new() { [grammar.Nothing] = Dead };
    private Language[] _states = [grammar.Nothing];
    private int[] _after = new int[256];   // 256 entries a state

    /// <summary>The number of a state.</summary>
    public int NumberOf(Language state)
    {
        if (_numbers.TryGetValue(state, out int known))
            return known;
        int number = _numbers.Count;
        if (number == _states.Length)
        {
            Array.Resize(ref _states, Math.Max(FewStates, 2 * number));
            Array.Resize(ref _after, _states.Length << 8);
        }

        _states[number] = state;
        _after.AsSpan(number << 8, 256).Fill(Unknown);
        return _numbers[state] = number;
    }

    /// <summary>The state after a byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int After(int state, byte value) => _after[state << 8 | value] is var next and not Unknown ? next : Find(state, value);

    public bool IsNullable(int state) => _states[state].IsNullable;

    /// <summary>Keeps memory bounded. To be called between walks: numbers given before are forgotten.</summary>
    public void Tidy()
    {
        if (_numbers.Count < ManyStates)
            return;
        _numbers.Clear();
        _numbers[grammar.Nothing] = Dead;
        _states = [grammar.Nothing];
        _after = new int[256];
    }

    private int Find(int state, byte value)
    {
        int next = NumberOf(grammar.After(_states[state], value));
        return _after[state << 8 | value] = next;
    }
}
