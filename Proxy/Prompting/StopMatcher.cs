using System.Text;

namespace Agentic.Proxy;

/// <summary>Finds the first stop string in a text that arrives in pieces, and lets nothing through that might still become one.</summary>
/// <remarks>
/// One Knuth–Morris–Pratt automaton for each string, fed character by character, so the result cannot depend on where the
/// pieces were cut.
/// Where several end at the same character the longest wins.
/// </remarks>
internal sealed class StopMatcher
{
    private readonly string[] _stops;
    private readonly int[][] _borders;
    private readonly int[] _matched;
    private readonly StringBuilder _held = new();

    public StopMatcher(IEnumerable<string> stops)
    {
        _stops = [.. stops.Where(stop => stop.Length > 0)];
        _borders = [.. _stops.Select(Borders)];
        _matched = new int[_stops.Length];
    }

    /// <summary>Whether a stop string was found; nothing is let through after it.</summary>
    public bool Stopped { get; private set; }

    /// <summary>Characters held back because they may begin a stop string.</summary>
    public int HeldCharacters => _held.Length;

    /// <summary>Takes the next piece and returns what is now certain to come before any stop string.</summary>
    public string Push(string text)
    {
        if (Stopped)
            return "";
        if (_stops.Length == 0)
            return text;
        foreach (char c in text)
        {
            _held.Append(c);
            int longest = 0;
            for (int i = 0; i < _stops.Length; i++)
            {
                if (Advance(i, c) == _stops[i].Length)
                    longest = Math.Max(longest, _stops[i].Length);
            }

            if (longest > 0)
            {
                Stopped = true;
                return Take(_held.Length - longest, forget: true);
            }
        }

        return Take(_held.Length - _matched.Max(), forget: false);
    }

    /// <summary>What was held back and turned out to be ordinary text.</summary>
    public string Flush() => Take(_held.Length, forget: true);

    private int Advance(int stop, char c)
    {
        string pattern = _stops[stop];
        int length = _matched[stop];
        while (length > 0 && (length == pattern.Length || pattern[length] != c))
            length = _borders[stop][length - 1];
        return _matched[stop] = pattern[length] == c ? length + 1 : 0;
    }

    private string Take(int count, bool forget)
    {
        string text = _held.ToString(0, count);
        _held.Remove(0, forget ? _held.Length : count);
        return text;
    }

    /// <summary>For each prefix, the length of its longest proper prefix that also ends it.</summary>
    private static int[] Borders(string pattern)
    {
        int[] borders = new int[pattern.Length];
        for (int i = 1, length = 0; i < pattern.Length; i++)
        {
            while (length > 0 && pattern[i] != pattern[length])
                length = borders[length - 1];
            borders[i] = pattern[i] == pattern[length] ? ++length : 0;
        }

        return borders;
    }
}
