using System.Text;
using Agentic.ModelRuntime;
using CsCheck;

namespace Agentic.Tests;

public class UnicodeNormalizationTests
{
    private static readonly Gen<string> Marked = Gen.OneOf(
        Gen.Int['A', 'z'], Gen.Int[0xC0, 0x24F], Gen.Int[0x300, 0x36F], Gen.Int[0x1100, 0x11FF], Gen.Int[0xAC00, 0xD7A3],
        Gen.Int[0x1E00, 0x1FFF], Gen.Int[0x900, 0xDFF], Gen.Int[0xF900, 0xFAFF], Gen.Int[0x1D15E, 0x1D1C0]).Array[0, 12]
        .Select(values => string.Concat(values.Select(value => new Rune(value))));

    // From the character database's own conformance examples and the annex.
    [Theory]
    [InlineData("e\u0301", "\u00E9", "e\u0301", "\u00E9", "e\u0301")]
    [InlineData("\u212B", "\u00C5", "A\u030A", "\u00C5", "A\u030A")]
    [InlineData("\uFB01", "\uFB01", "\uFB01", "fi", "fi")]
    [InlineData("\u1E9B\u0323", "\u1E9B\u0323", "\u017F\u0323\u0307", "\u1E69", "s\u0323\u0307")]
    [InlineData("D\u0307\u0323", "\u1E0C\u0307", "D\u0323\u0307", "\u1E0C\u0307", "D\u0323\u0307")]
    [InlineData("\uAC01", "\uAC01", "\u1100\u1161\u11A8", "\uAC01", "\u1100\u1161\u11A8")]
    [InlineData("\u1100\u1161\u11A8", "\uAC01", "\u1100\u1161\u11A8", "\uAC01", "\u1100\u1161\u11A8")]
    [InlineData("\u0958", "\u0915\u093C", "\u0915\u093C", "\u0915\u093C", "\u0915\u093C")]
    [InlineData("\U0001D15E", "\U0001D157\U0001D165", "\U0001D157\U0001D165", "\U0001D157\U0001D165", "\U0001D157\U0001D165")]
    [InlineData("a\u05AE\u0300\u0315b", "\u00E0\u05AE\u0315b", "a\u05AE\u0300\u0315b", "\u00E0\u05AE\u0315b", "a\u05AE\u0300\u0315b")]
    [InlineData("\u0301a", "\u0301a", "\u0301a", "\u0301a", "\u0301a")]
    [InlineData("plain ASCII", "plain ASCII", "plain ASCII", "plain ASCII", "plain ASCII")]
    public void KnownTexts_TakeTheirForms(string text, string c, string d, string kc, string kd)
    {
        Assert.Equal(c, UnicodeNormalization.Normalize(text, NormalizationForm.FormC));
        Assert.Equal(d, UnicodeNormalization.Normalize(text, NormalizationForm.FormD));
        Assert.Equal(kc, UnicodeNormalization.Normalize(text, NormalizationForm.FormKC));
        Assert.Equal(kd, UnicodeNormalization.Normalize(text, NormalizationForm.FormKD));
    }

    [Fact]
    public void Forms_AreStableAndReachOneAnother() => Marked.Sample(text =>
    {
        string c = UnicodeNormalization.Normalize(text, NormalizationForm.FormC);
        string d = UnicodeNormalization.Normalize(text, NormalizationForm.FormD);
        string kd = UnicodeNormalization.Normalize(text, NormalizationForm.FormKD);

        Assert.Equal(c, UnicodeNormalization.Normalize(c, NormalizationForm.FormC));
        Assert.Equal(d, UnicodeNormalization.Normalize(d, NormalizationForm.FormD));
        Assert.Equal(c, UnicodeNormalization.Normalize(d, NormalizationForm.FormC));
        Assert.Equal(d, UnicodeNormalization.Normalize(c, NormalizationForm.FormD));
        string kc = UnicodeNormalization.Normalize(text, NormalizationForm.FormKC);
        Assert.Equal(kd, UnicodeNormalization.Normalize(kc, NormalizationForm.FormKD));
    });
}
