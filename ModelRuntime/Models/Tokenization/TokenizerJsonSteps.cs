using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Agentic.ModelRuntime;

/// <summary>The steps of tokenizer.json that run before the model.</summary>
internal static class TokenizerJsonSteps
{
    /// <summary>What the byte-level step cuts by when it is asked to: the pattern of GPT-2.</summary>
    private const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private const string AnyPunctuation = @"[\p{P}!-/:-@\[-`{-~]";

    // This step's \w, unlike that of a Split pattern, counts the joiners in.
    private const string WordsAndSymbols = @"[\w\u200C\u200D]+|[^\w\s\u200C\u200D]+";

    public static INormalizer? ReadNormalizer(JsonElement element) => element.Type() switch
    {
        null => null,
        "NFC" => new UnicodeNormalizer(NormalizationForm.FormC),
        "NFD" => new UnicodeNormalizer(NormalizationForm.FormD),
        "NFKC" => new UnicodeNormalizer(NormalizationForm.FormKC),
        "NFKD" => new UnicodeNormalizer(NormalizationForm.FormKD),
        "Lowercase" => new LowercaseNormalizer(),
        "Strip" => new StripNormalizer(element.Flag("strip_left") ?? true, element.Flag("strip_right") ?? true),
        "StripAccents" => new StripAccentsNormalizer(),
        "Prepend" => new PrependNormalizer(element.GetProperty("prepend").GetString()!),
        "Replace" => ReadReplace(element),
        "ByteLevel" => new ByteLettersNormalizer(),
        "Precompiled" => new CharacterMap(element.GetProperty("precompiled_charsmap").GetBytesFromBase64(), byGrapheme: true),
        "Sequence" => new NormalizerSequence([.. element.GetProperty("normalizers").Items().Select(step => ReadNormalizer(step)!)]),
        string type => throw new FormatException($"its normalizer {type} is not known here"),
    };

    public static void ReadPreTokenizers(JsonElement element, List<IPreTokenizer> steps)
    {
        switch (element.Type())
        {
            case null:
                break;
            case "Sequence":
                foreach (JsonElement step in element.GetProperty("pretokenizers").EnumerateArray())
                    ReadPreTokenizers(step, steps);
                break;
            case "Split":
                UnicodeRegex pattern = ReadPattern(element.GetProperty("pattern"));
                steps.Add(new SplitPreTokenizer(pattern, ReadBehavior(element), element.Flag("invert") ?? false));
                break;
            case "Digits":
                steps.Add(Split(@"\p{N}", element.Flag("individual_digits") ?? false ? SplitBehavior.Isolated : SplitBehavior.Contiguous));
                break;
            case "Punctuation":
                steps.Add(Split(AnyPunctuation, element.Text("behavior") is null ? SplitBehavior.Isolated : ReadBehavior(element)));
                break;
            case "Whitespace":
                steps.Add(Split(WordsAndSymbols, SplitBehavior.Removed, invert: true));
                break;
            case "WhitespaceSplit":
                steps.Add(Split(@"\s", SplitBehavior.Removed));
                break;
            case "BertPreTokenizer":
                steps.Add(Split(@"\s", SplitBehavior.Removed));
                steps.Add(Split(AnyPunctuation, SplitBehavior.Isolated));
                break;
            case "CharDelimiterSplit":
                steps.Add(Split(Regex.Escape(element.GetProperty("delimiter").GetString()!), SplitBehavior.Removed));
                break;
            case "Metaspace":
                steps.Add(ReadMetaspace(element));
                break;
            case "ByteLevel":
                if (element.Flag("add_prefix_space") ?? true)
                    steps.Add(new PrefixSpacePreTokenizer());
                if (element.Flag("use_regex") ?? true)
                    steps.Add(Split(Gpt2Pattern, SplitBehavior.Isolated));
                steps.Add(new ByteLettersPreTokenizer());
                break;
            case string type:
                throw new FormatException($"its pre-tokenizer {type} is not known here");
        }
    }

    /// <summary>The pattern of a step: a text, or a regular expression.</summary>
    public static UnicodeRegex ReadPattern(JsonElement pattern) => pattern.Text("Regex") is string regex
        ? new UnicodeRegex(regex)
        : new UnicodeRegex(Regex.Escape(pattern.GetProperty("String").GetString()!));

    public static char ReadCharacter(JsonElement element, string name) =>
        element.Text(name) is { Length: 1 } text ? text[0] : throw new FormatException($"the {name} of a step is not one character");

    public static bool PrependsMark(JsonElement element) => ReadScheme(element) != MetaspacePreTokenizer.Prepend.Never;

    private static INormalizer ReadReplace(JsonElement element)
    {
        JsonElement pattern = element.GetProperty("pattern");
        string content = element.GetProperty("content").GetString()!;
        return pattern.Text("String") is { Length: > 0 } text
            ? new ReplaceNormalizer(text, content)
            : new RegexReplaceNormalizer(ReadPattern(pattern), content);
    }

    private static SplitPreTokenizer Split(string pattern, SplitBehavior behavior, bool invert = false) =>
        new(new UnicodeRegex(pattern), behavior, invert);

    private static MetaspacePreTokenizer ReadMetaspace(JsonElement element) =>
        new(ReadCharacter(element, "replacement"), ReadScheme(element), element.Flag("split") ?? true);

    private static MetaspacePreTokenizer.Prepend ReadScheme(JsonElement element) => element.Text("prepend_scheme") switch
    {
        _ when element.Flag("add_prefix_space") is false => MetaspacePreTokenizer.Prepend.Never,
        null or "always" => MetaspacePreTokenizer.Prepend.Always,
        "first" => MetaspacePreTokenizer.Prepend.First,
        "never" => MetaspacePreTokenizer.Prepend.Never,
        string scheme => throw new FormatException($"the prepend_scheme {scheme} is not known here"),
    };

    private static SplitBehavior ReadBehavior(JsonElement element) => element.Text("behavior") switch
    {
        "Removed" or "removed" => SplitBehavior.Removed,
        "Isolated" or "isolated" => SplitBehavior.Isolated,
        "MergedWithPrevious" or "merged_with_previous" => SplitBehavior.MergedWithPrevious,
        "MergedWithNext" or "merged_with_next" => SplitBehavior.MergedWithNext,
        "Contiguous" or "contiguous" => SplitBehavior.Contiguous,
        string behavior => throw new FormatException($"the split behavior {behavior} is not known here"),
        null => throw new FormatException("a split has no behavior"),
    };
}
