using System.Globalization;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>The classes that ECMA-262's patterns have names for.</summary>
internal static class PatternClasses
{
    private static readonly CodePointSet Digits = CodePointSet.Of(('0', '9'));
    private static readonly CodePointSet Words = CodePointSet.Of(('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z'));
    private static readonly CodePointSet Spaces = CodePointSet.Of(('\t', '\r'), (0x2028, 0x2029), (0xFEFF, 0xFEFF))
        .Union(CodePointSet.OfCategory(UnicodeCategory.SpaceSeparator));

    private static readonly string[] CategoryNames =
    [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Pc", "Pd", "Ps", "Pe",
        "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Cn",
    ];

    /// <summary>Anything but the end of a line.</summary>
    public static CodePointSet Dot { get; } = CodePointSet.Of(('\n', '\n'), ('\r', '\r'), (0x2028, 0x2029)).Complement();

    /// <summary>The class of a letter after a backslash, or null.</summary>
    public static CodePointSet? Named(char letter) => letter switch
    {
        'd' => Digits,
        'D' => Digits.Complement(),
        'w' => Words,
        'W' => Words.Complement(),
        's' => Spaces,
        'S' => Spaces.Complement(),
        _ => null,
    };

    /// <summary>A general category, such as Nd, or all that begin with a letter, such as L; or null.</summary>
    public static CodePointSet? Category(string name)
    {
        UnicodeCategory[] found = [.. Enum.GetValues<UnicodeCategory>()
            .Where(category => name.Length is 1 or 2 && CategoryNames[(int)category].StartsWith(name, StringComparison.Ordinal))];
        return found.Length == 0 ? null : CodePointSet.OfCategory(found);
    }
}
