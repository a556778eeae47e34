using System.Text;
using System.Text.Json;

namespace Agentic.ModelRuntime;

/// <summary>The decoder of tokenizer.json.</summary>
internal sealed class TokenizerJsonDecoder
{
    private readonly List<Func<DecodeStage, DecodeStage>> _steps = [];
    private readonly List<Func<string, string>> _rewrites = [];
    private bool _byteLevel;
    private bool _byteFallback;

    public IReadOnlyList<Func<DecodeStage, DecodeStage>> Steps => _steps;

    public static TokenizerJsonDecoder Read(JsonElement element)
    {
        TokenizerJsonDecoder decoder = new();
        if (element.ValueKind == JsonValueKind.Undefined)
            decoder._steps.Add(next => new JoinStage(next));
        else
            decoder.Add(element);
        return decoder;
    }

    public byte[] TokenBytes(string token)
    {
        if (_byteLevel)
            return ByteAlphabet.Read(token);
        if (_byteFallback && ByteFallbackStage.ByteOf(token) is byte value)
            return [value];
        return Encoding.UTF8.GetBytes(_rewrites.Aggregate(token, (text, rewrite) => rewrite(text)));
    }

    private void Add(JsonElement element)
    {
        switch (element.Type())
        {
            case "Sequence":
                foreach (JsonElement step in element.GetProperty("decoders").EnumerateArray())
                    Add(step);
                break;
            case "ByteLevel":
                _byteLevel = true;
                _steps.Add(next => new ByteLevelStage(next));
                break;
            case "ByteFallback":
                _byteFallback = true;
                _steps.Add(next => new ByteFallbackStage(next));
                break;
            case "Fuse":
                _steps.Add(next => new FuseStage(next));
                break;
            case "Replace":
                AddReplace(element.GetProperty("pattern"), element.GetProperty("content").GetString()!);
                break;
            case "Strip":
                char stripped = TokenizerJsonSteps.ReadCharacter(element, "content");
                int start = element.Number("start") ?? 0, stop = element.Number("stop") ?? 0;
                _steps.Add(next => new StripStage(stripped, start, stop, next));
                break;
            case "Metaspace":
                char mark = TokenizerJsonSteps.ReadCharacter(element, "replacement");
                bool prepends = TokenizerJsonSteps.PrependsMark(element);
                _steps.Add(next => new MetaspaceStage(mark, prepends, next));
                _rewrites.Add(token => token.Replace(mark, ' '));
                break;
            case string type:
                throw new FormatException($"its decoder {type} is not known here");
            case null:
                throw new FormatException("a step of its decoder has no type");
        }
    }

    private void AddReplace(JsonElement pattern, string content)
    {
        if (pattern.Text("String") is { Length: > 0 } text)
        {
            _steps.Add(next => new ReplaceStage(text, content, next));
            _rewrites.Add(token => token.Replace(text, content, StringComparison.Ordinal));
            return;
        }
        UnicodeRegex regex = TokenizerJsonSteps.ReadPattern(pattern);
        _steps.Add(next => new ReplaceRegexStage(regex, content, next));
        _rewrites.Add(token => regex.Replace(token, content));
    }
}
