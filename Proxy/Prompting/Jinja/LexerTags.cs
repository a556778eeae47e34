using System.Globalization;
using System.Text;

namespace Agentic.Proxy;

/// <summary>The inside of <c>{{ }}</c> and <c>{% %}</c>.</summary>
internal sealed partial class Lexer
{
    private static readonly string[] Operators =
    [
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",",
        ";",
    ];

    private void Tag(bool isVariable)
    {
        Add(isVariable ? TokenKind.VariableBegin : TokenKind.BlockBegin, "");
        Stack<char> open = new();
        while (_position < _source.Length)
        {
            if (open.Count == 0 && (isVariable ? VariableEnds() : BlockEnds()))
                return;
            char next = _source[_position];
            if (PyString.IsSpace(next))
                _position++;
            else if (char.IsAsciiDigit(next))
                Number();
            else if (IsNamePart(_position))
                Name();
            else if (next is not ('\'' or '"') || !Text(next))
                Operator(open);
        }
    }

    private bool VariableEnds()
    {
        int at = _source[_position] == '-' ? _position + 1 : _position;
        if (At(at) != '}' || At(at + 1) != '}')
            return false;
        Add(TokenKind.VariableEnd, "");
        bool strips = at > _position;
        _position = at + 2;
        if (strips)
            SkipSpace(ref _position);
        return true;
    }

    private bool BlockEnds()
    {
        char sign = _source[_position] is '-' or '+' ? _source[_position] : '\0';
        int at = sign == '\0' ? _position : _position + 1;
        if (At(at) != '%' || At(at + 1) != '}')
            return false;
        Add(TokenKind.BlockEnd, "");
        _position = at + 2;
        AfterTag(sign);
        return true;
    }

    private void Operator(Stack<char> open)
    {
        string? symbol = Array.Find(Operators, o => string.CompareOrdinal(_source, _position, o, 0, o.Length) == 0)
            ?? throw JinjaException.Syntax($"unexpected char {PyText.Repr(_source[_position].ToString())} at {_position}", Line());
        if (symbol is "(" or "[" or "{")
        {
            open.Push(symbol switch { "(" => ')', "[" => ']', _ => '}' });
        }
        else if (symbol is ")" or "]" or "}")
        {
            if (!open.TryPop(out char expected))
                throw JinjaException.Syntax($"unexpected '{symbol}'", Line());
            if (expected != symbol[0])
                throw JinjaException.Syntax($"unexpected '{symbol}', expected '{expected}'", Line());
        }

        Add(TokenKind.Operator, symbol);
        _position += symbol.Length;
    }

    private bool IsNamePart(int position)
    {
        char c = At(position);
        return char.IsAsciiLetterOrDigit(c) || c == '_' || (c > 127 && (char.IsLetterOrDigit(c) || char.IsSurrogate(c)
            || char.GetUnicodeCategory(c)
                is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.LetterNumber));
    }

    private void Name()
    {
        int start = _position;
        int end = start;
        while (end < _source.Length && IsNamePart(end))
            end++;
        if (char.IsDigit(_source[start]))
            throw JinjaException.Syntax("Invalid character in identifier", Line());
        Add(TokenKind.Name, _source[start..end]);
        _position = end;
    }

    private void Number()
    {
        int start = _position;
        int end = Digits(start, char.IsAsciiDigit);
        bool afterDot = start > 0 && _source[start - 1] == '.';
        int fraction = !afterDot && At(end) == '.' && char.IsAsciiDigit(At(end + 1)) ? Digits(end + 1, char.IsAsciiDigit) : end;
        int exponent = At(fraction) is 'e' or 'E' && !afterDot ? fraction + (At(fraction + 1) is '+' or '-' ? 2 : 1) : fraction;
        int floatEnd = exponent > fraction && char.IsAsciiDigit(At(exponent)) ? Digits(exponent, char.IsAsciiDigit) : fraction;
        if (floatEnd > end)
        {
            string digits = _source[start..floatEnd].Replace("_", "", StringComparison.Ordinal);
            Add(TokenKind.Float, "", double.Parse(digits, NumberStyles.Float, CultureInfo.InvariantCulture));
            _position = floatEnd;
            return;
        }

        int radix = _source[start] == '0' ? char.ToLowerInvariant(At(start + 1)) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 } : 10;
        bool IsDigit(char c) => PyNumber.DigitValue(c) < radix;
        int first = radix == 10 ? start : start + (At(start + 2) == '_' ? 3 : 2);
        if (radix != 10 && !IsDigit(At(first)))
        {
            radix = 10;
            first = start;
        }

        // A decimal that starts with zero is nothing but zeros, as in Python.
        end = radix == 10 && _source[start] == '0' ? Digits(start, c => c == '0') : Digits(first, IsDigit);
        Add(TokenKind.Integer, "", PyNumber.ParseDigits(_source.AsSpan(first, end - first), radix));
        _position = end;
    }

    /// <summary>Past the digits that start here, single underscores between them included.</summary>
    private int Digits(int start, Func<char, bool> isDigit)
    {
        int end = start;
        while (isDigit(At(end)) || (end > start && At(end) == '_' && isDigit(At(end + 1))))
            end++;
        return end;
    }

    private bool Text(char quote)
    {
        int end = _position + 1;
        while (end < _source.Length && _source[end] != quote)
            end += _source[end] == '\\' ? 2 : 1;
        if (end >= _source.Length)
            return false;
        Add(TokenKind.Text, Unescape(_source.AsSpan(_position + 1, end - _position - 1)));
        _position = end + 1;
        return true;
    }

    /// <summary>Undoes the escapes of a Python string; one that Python does not know stays as it is written.</summary>
    private string Unescape(ReadOnlySpan<char> text)
    {
        if (!text.Contains('\\'))
            return text.ToString();
        StringBuilder result = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\')
            {
                result.Append(text[i]);
                continue;
            }

            char escape = text[++i];
            int plain = "\\'\"abfnrtv\n".IndexOf(escape, StringComparison.Ordinal);
            if (plain >= 0)
            {
                if (escape != '\n')
                    result.Append("\\'\"\a\b\f\n\r\t\v"[plain]);
            }
            else if (escape is >= '0' and <= '7')
            {
                int value = 0;
                int end = Math.Min(i + 3, text.Length);
                for (; i < end && text[i] is >= '0' and <= '7'; i++)
                    value = value * 8 + (text[i] - '0');
                i--;
                result.Append((char)value);
            }
            else if (escape is 'x' or 'u' or 'U')
            {
                int digits = escape switch { 'x' => 2, 'u' => 4, _ => 8 };
                ReadOnlySpan<char> code = text.Slice(i + 1, Math.Min(digits, text.Length - i - 1));
                if (code.Length < digits
                    || !uint.TryParse(code, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint value))
                    throw JinjaException.Syntax($"truncated \\{escape}{new string('X', digits)} escape", Line());
                if (value > 0x10ffff)
                    throw JinjaException.Syntax("illegal Unicode character", Line());
                result.Append(value <= 0xffff ? ((char)value).ToString() : char.ConvertFromUtf32((int)value));
                i += digits;
            }
            else
            {
                result.Append('\\').Append(escape);
            }
        }

        return result.ToString();
    }
}
