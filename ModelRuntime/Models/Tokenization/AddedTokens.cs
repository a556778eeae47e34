using System.Buffers;
using System.Text;

namespace Agentic.ModelRuntime;

/// <summary>A token that is found in text as it is written, before the model sees the rest, such as <c>&lt;|im_end|&gt;</c>.</summary>
internal sealed record AddedToken(string Content, int Id)
{
    public bool IsSpecial { get; init; }

    /// <summary>Looked for after the text has been normalized, not before.</summary>
    public bool IsNormalized { get; init; }

    /// <summary>Takes the white space before it along.</summary>
    public bool StripsLeft { get; init; }

    /// <summary>Takes the white space behind it along.</summary>
    public bool StripsRight { get; init; }

    /// <summary>Does not count inside a word.</summary>
    public bool IsWord { get; init; }
}

/// <summary>Finds added tokens in text: the leftmost, and of those that start there the longest.</summary>
internal sealed class AddedTokenFinder
{
    private readonly SearchValues<string> _any;
    private readonly Dictionary<char, (string Text, AddedToken Token)[]> _byFirst;

    /// <param name="tokens">Each with the text to look for.</param>
    public AddedTokenFinder(params IEnumerable<(string Text, AddedToken Token)> tokens)
    {
        (string Text, AddedToken Token)[] all = [.. tokens.Where(token => token.Text.Length > 0)];
        _any = SearchValues.Create([.. all.Select(token => token.Text)], StringComparison.Ordinal);
        _byFirst = all.GroupBy(token => token.Text[0])
            .ToDictionary(same => same.Key, same => same.OrderByDescending(token => token.Text.Length).ToArray());
    }

    public bool IsEmpty => _byFirst.Count == 0;

    /// <summary>Adds, in order, where each token stands and what it takes along.</summary>
    public void Find(ReadOnlySpan<char> text, List<(int Start, int End, AddedToken Token)> found)
    {
        int free = 0; // what lies before belongs to the token found last
        for (int from = 0, offset; (offset = text[from..].IndexOfAny(_any)) >= 0;)
        {
            int start = from + offset;
            (string content, AddedToken token) = Longest(text[start..]);
            int end = from = start + content.Length;
            if (token.IsWord && ((start > 0 && EndsWithWord(text[..start])) || (end < text.Length && StartsWithWord(text[end..]))))
                continue;
            if (token.StripsLeft)
                start = Math.Max(free, text[..start].TrimEnd().Length);
            if (token.StripsRight)
                end = text.Length - text[end..].TrimStart().Length;
            found.Add((start, end, token));
            free = end;
        }
    }

    private (string Text, AddedToken Token) Longest(ReadOnlySpan<char> text)
    {
        foreach ((string Text, AddedToken Token) candidate in _byFirst[text[0]])
        {
            if (text.StartsWith(candidate.Text, StringComparison.Ordinal))
                return candidate;
        }
        throw new InvalidOperationException("The search stopped where no token stands.");
    }

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out Rune rune, out _) == OperationStatus.Done && IsWord(rune.Value);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out Rune rune, out _) == OperationStatus.Done && IsWord(rune.Value);

    private static bool IsWord(int codePoint) => codePoint is 0x200C or 0x200D || UnicodeProperties.Word.Contains(codePoint);
}
