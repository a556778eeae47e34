using System.Text;

namespace Agentic.Proxy;

/// <summary>Escaping as MarkupSafe does it.</summary>
internal static class Html
{
    /// <summary>The value's text, escaped unless it is markup.</summary>
    public static string Escape(object? value)
    {
        if (value is PyMarkup markup)
            return markup.Text;
        string text = PyText.Str(value);
        if (text.AsSpan().IndexOfAny("&<>'\"") < 0)
            return text;
        StringBuilder result = new(text.Length + 16);
        foreach (char c in text)
        {
            _ = c switch
            {
                '&' => result.Append("&amp;"),
                '<' => result.Append("&lt;"),
                '>' => result.Append("&gt;"),
                '"' => result.Append("&#34;"),
                '\'' => result.Append("&#39;"),
                _ => result.Append(c),
            };
        }

        Budget.Current.ChargeText(result.Length);
        return result.ToString();
    }
}
