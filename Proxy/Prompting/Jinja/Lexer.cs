namespace Agentic.Proxy;

/// <summary>
/// Cuts a template into tokens, as Jinja2 does with <c>trim_blocks</c> and <c>lstrip_blocks</c>: a newline right after a block
/// or comment goes, and so do blanks between the start of a line and a block or comment.
/// </summary>
internal sealed partial class Lexer
{
    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _position;
    private int _line = 1;
    private int _counted;

    private Lexer(string source)
    {
        string text = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        _source = text.EndsWith('\n') ? text[..^1] : text;
    }

    /// <exception cref="JinjaException">A comment, raw block or bracket that is not closed, or a character that means nothing.</exception>
    public static List<Token> Tokenize(string source)
    {
        Lexer lexer = new(source);
        lexer.Root();
        lexer.Add(TokenKind.End, "");
        return lexer._tokens;
    }

    private void Root()
    {
        while (_position < _source.Length)
        {
            int tag = NextTag(_position);
            if (tag < 0)
            {
                Add(TokenKind.Data, _source[_position..]);
                _position = _source.Length;
                return;
            }

            if (MatchRaw(tag, "raw", out char rawSign, out int body, closesOnly: false))
            {
                Data(tag, rawSign, isVariable: false);
                _position = body;
                Raw();
                continue;
            }

            char kind = _source[tag + 1];
            char sign = At(tag + 2) is '-' or '+' ? At(tag + 2) : '\0';
            Data(tag, sign, kind == '{');
            _position = tag + (sign == '\0' ? 2 : 3);
            if (kind == '#')
                Comment();
            else
                Tag(kind == '{');
        }
    }

    private int NextTag(int from)
    {
        for (int at = _source.IndexOf('{', from); at >= 0; at = _source.IndexOf('{', at + 1))
        {
            if (At(at + 1) is '%' or '{' or '#')
                return at;
        }

        return -1;
    }

    /// <summary>Adds the text before a tag, stripped as the tag's sign and the line it stands on ask.</summary>
    private void Data(int end, char sign, bool isVariable)
    {
        int keep = end;
        if (sign == '-')
        {
            while (keep > _position && PyString.IsSpace(_source[keep - 1]))
                keep--;
        }
        else if (sign != '+' && !isVariable)
        {
            int lineStart = _position == end ? end : _source.LastIndexOf('\n', end - 1, end - _position) + 1;
            if (lineStart == 0)
                lineStart = _position;
            bool startsLine = lineStart > _position || _position == 0 || _source[_position - 1] == '\n';
            if (startsLine && _source.AsSpan(lineStart, end - lineStart).IndexOfAnyExcept(PyString.Spaces) < 0)
                keep = lineStart;
        }

        if (keep > _position)
            Add(TokenKind.Data, _source[_position..keep]);
    }

    private void Comment()
    {
        int end = _source.IndexOf("#}", _position, StringComparison.Ordinal);
        if (end < 0)
            throw JinjaException.Syntax("Missing end of comment tag", Line());
        char sign = end > _position ? _source[end - 1] : '\0';
        _position = end + 2;
        AfterTag(sign);
    }

    private void Raw()
    {
        int Find(int from) => _source.IndexOf("{%", from, StringComparison.Ordinal);
        for (int at = Find(_position); at >= 0; at = Find(at + 1))
        {
            if (!MatchRaw(at, "endraw", out char sign, out int after, closesOnly: true))
                continue;
            Data(at, sign, isVariable: false);
            _position = after;
            return;
        }

        throw JinjaException.Syntax("Missing end of raw directive", Line());
    }

    /// <summary>Whether a whole <c>raw</c> or <c>endraw</c> block starts here; a raw block's own newline is not trimmed.</summary>
    private bool MatchRaw(int start, string name, out char sign, out int after, bool closesOnly)
    {
        sign = '\0';
        after = start + 2;
        if (At(start + 1) != '%')
            return false;
        if (At(after) is '-' or '+')
            sign = At(after++);
        SkipSpace(ref after);
        if (string.CompareOrdinal(_source, after, name, 0, name.Length) != 0)
            return false;
        after += name.Length;
        SkipSpace(ref after);
        char closing = At(after) is '-' or '+' ? At(after) : '\0';
        if (closing == '+' && !closesOnly)
            return false;
        if (closing != '\0')
            after++;
        if (At(after) != '%' || At(after + 1) != '}')
            return false;
        after += 2;
        if (closing == '-')
            SkipSpace(ref after);
        else if (closing == '\0' && closesOnly && At(after) == '\n')
            after++;
        return true;
    }

    private void AfterTag(char sign)
    {
        if (sign == '-')
            SkipSpace(ref _position);
        else if (sign != '+' && At(_position) == '\n')
            _position++;
    }

    private void SkipSpace(ref int position)
    {
        while (position < _source.Length && PyString.IsSpace(_source[position]))
            position++;
    }

    private char At(int index) => index < _source.Length ? _source[index] : '\0';

    private void Add(TokenKind kind, string text, object? number = null) => _tokens.Add(new Token(kind, text, Line(), number));

    /// <summary>The line of the current position.</summary>
    private int Line()
    {
        _line += _source.AsSpan(_counted, _position - _counted).Count('\n');
        _counted = _position;
        return _line;
    }
}
