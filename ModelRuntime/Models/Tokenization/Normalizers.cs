using System.Globalization;
using System.Text;

namespace Agentic.ModelRuntime;

/// <summary>Rewrites text before it is cut.</summary>
internal interface INormalizer
{
    /// <summary>How many bytes of UTF-8 may at most become one; infinity where there is no bound.</summary>
    double MostShrinking => double.PositiveInfinity;

    string Normalize(string text);
}

internal sealed class UnicodeNormalizer(NormalizationForm form) : INormalizer
{
    // Hangul: three letters of three bytes each are one syllable of three. Compatibility forms: four bytes of 𝐀 are one of A.
    public double MostShrinking => form is NormalizationForm.FormC or NormalizationForm.FormD ? 3 : 12;

    public string Normalize(string text) => UnicodeNormalization.Normalize(text, form);
}

internal sealed class LowercaseNormalizer : INormalizer
{
    // İ is the one letter whose lower case is two characters.
    public string Normalize(string text) => text.Replace("\u0130", "i\u0307", StringComparison.Ordinal).ToLowerInvariant();
}

internal sealed class StripNormalizer(bool left, bool right) : INormalizer
{
    public string Normalize(string text)
    {
        text = left ? text.TrimStart() : text;
        return right ? text.TrimEnd() : text;
    }
}

/// <summary>Takes combining marks out, which is what is left of accents once text is decomposed.</summary>
internal sealed class StripAccentsNormalizer : INormalizer
{
    public string Normalize(string text)
    {
        StringBuilder kept = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) is not
                (UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark))
                kept.Append(rune);
        }
        return kept.ToString();
    }
}

internal sealed class ReplaceNormalizer(string pattern, string content) : INormalizer
{
    public double MostShrinking => Math.Max(1, Encoding.UTF8.GetByteCount(pattern) / (double)Encoding.UTF8.GetByteCount(content));

    public string Normalize(string text) => text.Replace(pattern, content, StringComparison.Ordinal);
}

internal sealed class RegexReplaceNormalizer(UnicodeRegex pattern, string content) : INormalizer
{
    public string Normalize(string text) => pattern.Replace(text, content);
}

internal sealed class PrependNormalizer(string prefix) : INormalizer
{
    public double MostShrinking => 1;

    public string Normalize(string text) => text.Length == 0 ? text : prefix + text;
}

internal sealed class ByteLettersNormalizer : INormalizer
{
    public double MostShrinking => 1;

    public string Normalize(string text) => ByteAlphabet.Spell(text);
}

internal sealed class NormalizerSequence(IReadOnlyList<INormalizer> normalizers) : INormalizer
{
    public double MostShrinking => normalizers.Aggregate(1.0, (product, normalizer) => product * normalizer.MostShrinking);

    public string Normalize(string text) => normalizers.Aggregate(text, (current, normalizer) => normalizer.Normalize(current));
}
