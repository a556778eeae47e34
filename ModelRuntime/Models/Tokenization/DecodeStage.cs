using System.Text;

namespace Agentic.ModelRuntime;

/// <summary>
/// A step from tokens to text. Text comes in pieces; <see cref="EndToken"/> ends a token, <see cref="Complete"/> the whole.
/// A step passes text on as soon as nothing that may follow can change it: that is what makes decoding and streaming the same.
/// </summary>
/// <param name="next">The step after it.</param>
internal abstract class DecodeStage(DecodeStage? next)
{
    protected DecodeStage Next => next!;

    public abstract void Text(ReadOnlySpan<char> text);

    public virtual void EndToken() => Next.EndToken();

    public virtual void Complete() => Next.Complete();
}

/// <summary>The end of every chain: text, in order.</summary>
internal sealed class TextSink() : DecodeStage(null)
{
    private readonly StringBuilder _text = new();

    public override void Text(ReadOnlySpan<char> text) => _text.Append(text);

    public override void EndToken()
    {
    }

    public override void Complete()
    {
    }

    public string Take()
    {
        string text = _text.ToString();
        _text.Clear();
        return text;
    }
}

/// <summary>Byte-level letters to bytes to text; bytes that are no UTF-8 become U+FFFD, one for each longest invalid start.</summary>
internal sealed class ByteLevelStage(DecodeStage next) : DecodeStage(next)
{
    private readonly StringBuilder _token = new();
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    public override void Text(ReadOnlySpan<char> text) => _token.Append(text);

    public override void EndToken()
    {
        Decode(ByteAlphabet.Read(_token.ToString()), flush: false);
        _token.Clear();
    }

    public override void Complete()
    {
        Decode([], flush: true);
        Next.EndToken();
        Next.Complete();
    }

    private void Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        char[] characters = new char[bytes.Length + 4];
        Next.Text(characters.AsSpan(0, _decoder.GetChars(bytes, characters, flush)));
    }
}

/// <summary>Runs of tokens such as <c>&lt;0xE2&gt;</c> to text. A run that is not UTF-8 is U+FFFD for each byte of it.</summary>
internal sealed class ByteFallbackStage(DecodeStage next) : DecodeStage(next)
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    private readonly StringBuilder _token = new();
    private readonly List<byte> _run = [];

    public override void Text(ReadOnlySpan<char> text) => _token.Append(text);

    public override void EndToken()
    {
        string token = _token.ToString();
        _token.Clear();
        if (ByteOf(token) is byte value)
        {
            _run.Add(value);
            return;
        }
        EndRun();
        Next.Text(token);
        Next.EndToken();
    }

    public override void Complete()
    {
        EndRun();
        Next.Complete();
    }

    public static byte? ByteOf(string token) =>
        token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
        && char.IsAsciiHexDigit(token[3]) && char.IsAsciiHexDigit(token[4])
            ? Convert.ToByte(token[3..5], 16)
            : null;

    private void EndRun()
    {
        if (_run.Count == 0)
            return;
        try
        {
            Next.Text(Strict.GetString([.. _run]));
            Next.EndToken();
        }
        catch (DecoderFallbackException)
        {
            foreach (byte _ in _run)
            {
                Next.Text("\uFFFD");
                Next.EndToken();
            }
        }
        _run.Clear();
    }
}

/// <summary>Makes all tokens one.</summary>
internal sealed class FuseStage(DecodeStage next) : DecodeStage(next)
{
    public override void Text(ReadOnlySpan<char> text) => Next.Text(text);

    public override void EndToken()
    {
    }

    public override void Complete()
    {
        Next.EndToken();
        Next.Complete();
    }
}

/// <summary>Sets a space between tokens: what happens without a decoder.</summary>
internal sealed class JoinStage(DecodeStage next) : DecodeStage(next)
{
    private bool _between;

    public override void Text(ReadOnlySpan<char> text)
    {
        if (_between)
            Next.Text(" ");
        _between = false;
        Next.Text(text);
    }

    public override void EndToken() => _between = true;

    public override void Complete()
    {
        Next.EndToken();
        Next.Complete();
    }
}
