using System.Text;

namespace Agentic.ModelRuntime;

/// <summary>Replaces a text in each token.</summary>
internal sealed class ReplaceStage(string pattern, string content, DecodeStage next) : DecodeStage(next)
{
    private readonly StringBuilder _held = new();

    public override void Text(ReadOnlySpan<char> text)
    {
        string all = _held.Append(text).ToString();
        _held.Clear();
        int start = 0;
        for (int at; (at = all.IndexOf(pattern, start, StringComparison.Ordinal)) >= 0; start = at + pattern.Length)
        {
            Next.Text(all.AsSpan(start, at - start));
            Next.Text(content);
        }
        // What may be the beginning of the pattern waits.
        int hold = Math.Min(pattern.Length - 1, all.Length - start);
        while (!pattern.AsSpan().StartsWith(all.AsSpan(all.Length - hold), StringComparison.Ordinal))
            hold--;
        Next.Text(all.AsSpan(start, all.Length - hold - start));
        _held.Append(all.AsSpan(all.Length - hold));
    }

    public override void EndToken()
    {
        Next.Text(_held.ToString());
        _held.Clear();
        Next.EndToken();
    }
}

/// <summary>Replaces what a regular expression matches in each token, which therefore has to be complete.</summary>
internal sealed class ReplaceRegexStage(UnicodeRegex pattern, string content, DecodeStage next) : DecodeStage(next)
{
    private readonly StringBuilder _token = new();

    public override void Text(ReadOnlySpan<char> text) => _token.Append(text);

    public override void EndToken()
    {
        Next.Text(pattern.Replace(_token.ToString(), content));
        _token.Clear();
        Next.EndToken();
    }
}

/// <summary>Takes up to so many of a character off the two ends of each token.</summary>
internal sealed class StripStage(char content, int start, int stop, DecodeStage next) : DecodeStage(next)
{
    private int _left; // characters that were taken off the start
    private int _held; // of the character, which may turn out to be the end

    public override void Text(ReadOnlySpan<char> text)
    {
        while (_left < start && !text.IsEmpty)
        {
            if (text[0] != content)
            {
                _left = start;
                break;
            }
            _left++;
            text = text[1..];
        }
        int trailing = text.Length - text.TrimEnd(content).Length;
        if (trailing < text.Length)
        {
            Release(_held);
            _held = 0;
            Next.Text(text[..^trailing]);
        }
        int over = Math.Max(0, _held + trailing - stop);
        Release(over);
        _held += trailing - over;
    }

    public override void EndToken()
    {
        (_left, _held) = (0, 0);
        Next.EndToken();
    }

    private void Release(int count) => Next.Text(new string(content, count));
}

/// <summary>Visible marks back to spaces; those of the first token vanish, unless none was set before the text.</summary>
internal sealed class MetaspaceStage(char mark, bool dropFirst, DecodeStage next) : DecodeStage(next)
{
    private bool _first = dropFirst;

    public override void Text(ReadOnlySpan<char> text)
    {
        string token = text.ToString();
        Next.Text(_first ? token.Replace(mark.ToString(), "", StringComparison.Ordinal) : token.Replace(mark, ' '));
    }

    public override void EndToken()
    {
        _first = false;
        Next.EndToken();
    }
}
