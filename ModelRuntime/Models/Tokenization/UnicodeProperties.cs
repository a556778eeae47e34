using System.Globalization;
using System.Text;
using static System.Globalization.UnicodeCategory;

namespace Agentic.ModelRuntime;

/// <summary>What the names in a tokenizer's regular expressions stand for: <c>\p{L}</c>, <c>\s</c>, <c>[:alpha:]</c>, case.</summary>
internal static class UnicodeProperties
{
    private static readonly (string Short, string Long, UnicodeCategory[] Categories)[] Names =
    [
        ("L", "letter", [UppercaseLetter, LowercaseLetter, TitlecaseLetter, ModifierLetter, OtherLetter]),
        ("LC", "casedletter", [UppercaseLetter, LowercaseLetter, TitlecaseLetter]),
        ("Lu", "uppercaseletter", [UppercaseLetter]), ("Ll", "lowercaseletter", [LowercaseLetter]),
        ("Lt", "titlecaseletter", [TitlecaseLetter]), ("Lm", "modifierletter", [ModifierLetter]),
        ("Lo", "otherletter", [OtherLetter]),
        ("M", "mark", [NonSpacingMark, SpacingCombiningMark, EnclosingMark]), ("Mn", "nonspacingmark", [NonSpacingMark]),
        ("Mc", "spacingmark", [SpacingCombiningMark]), ("Me", "enclosingmark", [EnclosingMark]),
        ("N", "number", [DecimalDigitNumber, LetterNumber, OtherNumber]), ("Nd", "decimalnumber", [DecimalDigitNumber]),
        ("Nl", "letternumber", [LetterNumber]), ("No", "othernumber", [OtherNumber]),
        ("P", "punctuation", [ConnectorPunctuation, DashPunctuation, OpenPunctuation, ClosePunctuation,
            InitialQuotePunctuation, FinalQuotePunctuation, OtherPunctuation]),
        ("Pc", "connectorpunctuation", [ConnectorPunctuation]), ("Pd", "dashpunctuation", [DashPunctuation]),
        ("Ps", "openpunctuation", [OpenPunctuation]), ("Pe", "closepunctuation", [ClosePunctuation]),
        ("Pi", "initialpunctuation", [InitialQuotePunctuation]), ("Pf", "finalpunctuation", [FinalQuotePunctuation]),
        ("Po", "otherpunctuation", [OtherPunctuation]),
        ("S", "symbol", [MathSymbol, CurrencySymbol, ModifierSymbol, OtherSymbol]), ("Sm", "mathsymbol", [MathSymbol]),
        ("Sc", "currencysymbol", [CurrencySymbol]), ("Sk", "modifiersymbol", [ModifierSymbol]), ("So", "othersymbol", [OtherSymbol]),
        ("Z", "separator", [SpaceSeparator, LineSeparator, ParagraphSeparator]), ("Zs", "spaceseparator", [SpaceSeparator]),
        ("Zl", "lineseparator", [LineSeparator]), ("Zp", "paragraphseparator", [ParagraphSeparator]),
        ("C", "other", [Control, Format, PrivateUse, OtherNotAssigned]), ("Cc", "control", [Control]), ("Cf", "format", [Format]),
        ("Co", "privateuse", [PrivateUse]), ("Cn", "unassigned", [OtherNotAssigned]),
    ];

    private static readonly Dictionary<string, CodePointSet> Named = NameAll();

    private static readonly Lazy<Dictionary<int, int[]>> CaseVariants = new(ScanCase);

    public static CodePointSet White { get; } = Named["space"];

    public static CodePointSet Digit { get; } = Named["nd"];

    /// <summary>Alphabetic, marks, decimal digits and connectors.</summary>
    public static CodePointSet Word { get; } = Named["word"];

    public static CodePointSet HexDigit { get; } = Named["xdigit"];

    /// <summary>The set of a category, a POSIX class or one of the scripts that tokenizers name; null when not known here.</summary>
    public static CodePointSet? Find(string name) => Named.GetValueOrDefault(Plain(name));

    /// <summary>The set with every case variant of its members.</summary>
    public static CodePointSet IgnoreCase(CodePointSet set)
    {
        IEnumerable<(int, int)> variants = CaseVariants.Value.Where(pair => set.Contains(pair.Key))
            .SelectMany(pair => pair.Value).Select(codePoint => (codePoint, codePoint));
        return set.Union(CodePointSet.Of(variants));
    }

    private static string Plain(string name) =>
        string.Concat(name.Where(c => c is not ('_' or '-' or ' '))).ToLowerInvariant();

    private static Dictionary<string, CodePointSet> NameAll()
    {
        Dictionary<string, CodePointSet> named = [];
        foreach ((string brief, string full, UnicodeCategory[] categories) in Names)
            named[Plain(brief)] = named[full] = CodePointSet.OfCategory(categories);
        named["any"] = CodePointSet.All;
        named["assigned"] = named["cn"].Complement();
        named["ascii"] = CodePointSet.Of((0, 0x7F));
        named["space"] = named["whitespace"] = CodePointSet.Of((0x09, 0x0D), (0x85, 0x85)).Union(named["z"]);
        named["blank"] = named["zs"].Union(CodePointSet.Of((0x09, 0x09)));
        named["cntrl"] = named["cc"];
        named["digit"] = named["nd"];
        named["xdigit"] = CodePointSet.Of(('0', '9'), ('A', 'F'), ('a', 'f'));
        named["lower"] = named["lowercase"] =
            named["ll"].Union(CodePointSet.Of((0xAA, 0xAA), (0xBA, 0xBA), (0x2170, 0x217F), (0x24D0, 0x24E9)));
        named["upper"] = named["uppercase"] = named["lu"].Union(CodePointSet.Of((0x2160, 0x216F), (0x24B6, 0x24CF),
            (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189)));
        // Alphabetic is letters, letter numbers and most vowel signs; no tokenizer known to us leans on the rest.
        named["alpha"] = named["alphabetic"] = named["l"].Union(named["nl"]).Union(named["lower"]).Union(named["upper"]);
        named["alnum"] = named["alpha"].Union(named["nd"]);
        named["punct"] = named["p"].Union(CodePointSet.Of("$+<=>^`|~".Select(c => ((int)c, (int)c))));
        named["graph"] = named["z"].Union(named["cc"]).Union(named["cn"]).Complement();
        named["print"] = named["graph"].Union(named["zs"]);
        named["word"] = named["alpha"].Union(named["m"]).Union(named["nd"]).Union(named["pc"]);
        named["han"] = CodePointSet.Of((0x2E80, 0x2E99), (0x2E9B, 0x2EF3), (0x2F00, 0x2FD5), (0x3005, 0x3005), (0x3007, 0x3007),
            (0x3021, 0x3029), (0x3038, 0x303B), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFA6D), (0xFA70, 0xFAD9),
            (0x16FE2, 0x16FE3), (0x16FF0, 0x16FF1), (0x20000, 0x2A6DF), (0x2A700, 0x2B739), (0x2B740, 0x2B81D), (0x2B820, 0x2CEA1),
            (0x2CEB0, 0x2EBE0), (0x2EBF0, 0x2EE5D), (0x2F800, 0x2FA1D), (0x30000, 0x3134A), (0x31350, 0x323AF));
        named["hiragana"] = CodePointSet.Of((0x3041, 0x3096), (0x309D, 0x309F), (0x1B001, 0x1B11F), (0x1B132, 0x1B132),
            (0x1B150, 0x1B152), (0x1F200, 0x1F200));
        named["katakana"] = CodePointSet.Of((0x30A1, 0x30FA), (0x30FD, 0x30FF), (0x31F0, 0x31FF), (0x32D0, 0x32FE), (0x3300, 0x3357),
            (0xFF66, 0xFF6F), (0xFF71, 0xFF9D), (0x1AFF0, 0x1AFF3), (0x1AFF5, 0x1AFFB), (0x1AFFD, 0x1AFFE), (0x1B000, 0x1B000),
            (0x1B120, 0x1B122), (0x1B155, 0x1B155), (0x1B164, 0x1B167));
        named["hangul"] = CodePointSet.Of((0x1100, 0x11FF), (0x302E, 0x302F), (0x3131, 0x318E), (0x3200, 0x321E), (0x3260, 0x327E),
            (0xA960, 0xA97C), (0xAC00, 0xD7A3), (0xD7B0, 0xD7C6), (0xD7CB, 0xD7FB), (0xFFA0, 0xFFBE), (0xFFC2, 0xFFC7),
            (0xFFCA, 0xFFCF), (0xFFD2, 0xFFD7), (0xFFDA, 0xFFDC));
        return named;
    }

    private static Dictionary<int, int[]> ScanCase()
    {
        Dictionary<int, List<int>> folds = [];
        for (int codePoint = 0; codePoint <= 0x1FFFF; codePoint++)
        {
            if (!Rune.IsValid(codePoint))
                continue;
            int fold = Fold(codePoint);
            if (!folds.TryGetValue(fold, out List<int>? same))
                folds[fold] = same = [];
            same.Add(codePoint);
        }
        return folds.Values.Where(same => same.Count > 1)
            .SelectMany(same => same.Select(one => (one, Others: same.Where(other => other != one).ToArray())))
            .ToDictionary(pair => pair.one, pair => pair.Others);
    }

    /// <summary>Simple case folding; .NET's invariant casing leaves the few out that fold into ASCII.</summary>
    private static int Fold(int codePoint) => codePoint switch
    {
        0x130 or 0x131 => codePoint,
        0x17F => 's',
        0x212A => 'k',
        0x1E9E => 0xDF,
        _ => Rune.ToLowerInvariant(Rune.ToUpperInvariant(new Rune(codePoint))).Value,
    };
}
