using System.Globalization;
using System.Text;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>A draft tree as text: one line a node, with what each source said of it, and what became of it.</summary>
internal static class TreePicture
{
    private const int ContextTokens = 12;
    private const int MostNodes = 24;

    /// <summary>How much there is to see: accepted nodes, if sources that do not name the same ones had a part in them.</summary>
    public static int Interest(DraftTrace trace)
    {
        DraftTraceNode[] accepted = [.. trace.Nodes.Where(node => node.IsAccepted)];
        int alone = accepted.Where(node => node.Claims.Count == 1).Select(node => node.Claims[0].Source).Distinct().Count();
        int sources = trace.Nodes.SelectMany(node => node.Claims).Select(claim => claim.Source).Distinct().Count();
        return trace.Nodes.Count > MostNodes || accepted.Length == 0 ? 0
            : (100 * alone) + (10 * sources) + accepted.Length + (accepted.Any(node => node.Claims.Count > 1) ? 50 : 0);
    }

    /// <summary>Draws it.</summary>
    /// <param name="trace">The tree.</param>
    /// <param name="tokenizer">Of the model.</param>
    public static string Draw(DraftTrace trace, Tokenizer tokenizer)
    {
        var text = new StringBuilder();
        text.Append("… ").AppendLine(Shown(tokenizer, trace.Context.AsSpan()[^Math.Min(ContextTokens, trace.Context.Length)..]));
        Draw(trace, tokenizer, -1, "", text);
        text.AppendLine(CultureInfo.InvariantCulture, $"written: {Shown(tokenizer, trace.Committed)}");
        text.Append("✓ accepted  · verified  blank: not worth its row; chance from the root, and from the parent by each source");
        return text.ToString();
    }

    private static void Draw(DraftTrace trace, Tokenizer tokenizer, int parent, string indent, StringBuilder text)
    {
        int[] children = [.. Enumerable.Range(0, trace.Nodes.Count).Where(node => trace.Nodes[node].Parent == parent).OrderByDescending(node => trace.Nodes[node].Probability)];
        foreach (int child in children)
        {
            DraftTraceNode node = trace.Nodes[child];
            bool isLast = child == children[^1];
            string label = $"{indent}{(isLast ? "└─" : "├─")} {Shown(tokenizer, [node.TokenId])}";
            string claims = string.Join(" ", node.Claims.Select(claim => string.Create(
                CultureInfo.InvariantCulture, $"{claim.Source.ToString().ToLowerInvariant()} {claim.Claim:0.00}")));
            text.AppendLine(CultureInfo.InvariantCulture, $"{label,-40} {(node.IsAccepted ? '✓' : node.IsVerified ? '·' : ' ')} {node.Probability:0.00}  {claims}");
            Draw(trace, tokenizer, child, indent + (isLast ? "   " : "│  "), text);
        }
    }

    private static string Shown(Tokenizer tokenizer, ReadOnlySpan<int> ids) =>
        tokenizer.Decode(ids, skipSpecialTokens: false).Replace("\n", "⏎", StringComparison.Ordinal).Replace(' ', '␣');
}
