using System.Text.Json.Nodes;

namespace Agentic.Proxy;

/// <summary>Finds out how a model writes calls: its template lays out a text, a call and two calls, and what it puts around names and
/// arguments that nobody else has is the format.</summary>
/// <param name="render">A conversation as the template writes it, without a generation prompt; null where it refuses.</param>
/// <param name="stringArguments">Whether arguments go to it as a string.</param>
/// <param name="wantsText">Whether a message that only calls has an empty text.</param>
internal sealed class CallFormatFinder(Func<JsonObject[], string?> render, bool stringArguments, bool wantsText)
{
    private const string Answer = "7c3", NextQuestion = "7c4";
    private const string FirstName = "get_7c5", SecondName = "set_7c6";
    private const string ArgumentName = "k7";
    private const string ArgumentText = "7c7";
    private const string Arguments = $$"""{"{{ArgumentName}}": "{{ArgumentText}}"}""";
    private const string FirstId = "call00000", SecondId = "call00001";   // nine characters, as Mistral's templates ask
    private const string LongId = "call_0123456789abcdef01234567";
    private const int MistralIdLength = 9;

    /// <summary>The template's format; Hermes' where it has none, or one that cannot be read.</summary>
    /// <param name="generationPrompt">What the template puts before an answer.</param>
    public CallFormat Find(string generationPrompt)
    {
        CallFormat? format = Find(generationPrompt, goesOn: false) ?? Find(generationPrompt, goesOn: true);
        if (format is null)
            return CallFormat.Hermes;
        bool refusesLongIds = render([Question, .. Calling([(FirstName, LongId)], goesOn: true)]) is null
            && render([Question, .. Calling([(FirstName, FirstId)], goesOn: true)]) is not null;
        return refusesLongIds || format.Open == CallFormat.Mistral.Open ? format with { IdLength = MistralIdLength } : format;
    }

    /// <param name="generationPrompt">What the template puts before an answer.</param>
    /// <param name="goesOn">Whether something follows: some templates leave calls out of a conversation's last message.</param>
    private CallFormat? Find(string generationPrompt, bool goesOn)
    {
        (string, string) first = (FirstName, FirstId), second = (SecondName, SecondId);
        JsonObject[] next = goesOn ? [Message("user", NextQuestion)] : [];
        if (render([Question]) is not { } asked || render([Question, Message("assistant", Answer), .. next]) is not { } plain
            || render([Question, .. Calling([first], goesOn)]) is not { } one
            || plain.IndexOf(Answer, StringComparison.Ordinal) is var at && at < 0)
            return null;
        string head = plain[..at], tail = plain[(at + Answer.Length)..];
        string? two = render([Question, .. Calling([first, second], goesOn)]);
        return Read(Body(one), two is null ? null : Body(two));

        // What the model itself writes of it: without what any answer begins and ends with.
        string Body(string text)
        {
            int start = text.StartsWith(head, StringComparison.Ordinal) ? head.Length
                : text.StartsWith(head.TrimEnd(), StringComparison.Ordinal) ? head.TrimEnd().Length
                : text.StartsWith(asked + generationPrompt, StringComparison.Ordinal) ? asked.Length + generationPrompt.Length
                : text.AsSpan().CommonPrefixLength(plain);
            text = text[start..];
            if (!goesOn)
                return text[..^SharedEnd(text, tail).Length];
            string end = tail[..(tail.IndexOfAny(['>', ']']) + 1)];   // the first mark behind an answer
            int from = Math.Max(text.IndexOf(FirstName, StringComparison.Ordinal), text.IndexOf(SecondName, StringComparison.Ordinal));
            int to = from < 0 || end.Length == 0 ? -1 : text.IndexOf(end, from, StringComparison.Ordinal);
            return to < 0 ? "" : text[..to];
        }
    }

    private static CallFormat? Read(string one, string? two)
    {
        if (Place.Find(one, FirstName, 0) is not { } only)
            return null;
        string before = one[..only.Start], after = one[only.End..];
        string each = "", separator = "", close = "", end = "";
        if (two is not null && Place.Find(two, FirstName, 0) is { } first && Place.Find(two, SecondName, first.End) is { } second)
        {
            before = two[..first.Start];
            after = two[second.End..];
            string between = two[first.End..second.Start];
            each = SharedEnd(before, between);
            before = before[..^each.Length];
            between = between[..^each.Length];
            close = SharedStart(between, after);
            separator = between[close.Length..].Trim();
            end = after[close.Length..];
            if (before.Trim().Length == 0)   // nothing opens them all
                (before, each, close, end) = (each, "", close.Length == 0 ? after : close, "");
        }
        else if (IsList(before, after))
        {
            end = after;
        }
        else
        {
            close = after;
        }

        bool isList = IsList(before, end);
        string open = isList ? before.TrimEnd()[..^1].Trim() : before.Trim();
        bool isBare = open.Length == 0;
        if (isList || !separator.All(char.IsPunctuation))
            separator = "";
        CallFormat format = new()
        {
            Notation = only.Notation,
            Open = isBare ? CallFormat.Llama.Open : open,
            Each = each.Trim(),
            AfterName = only.AfterName,
            Close = close.Trim(),
            End = isList ? end.TrimStart()[1..].Trim() : end.Trim(),
            Separator = isBare && !isList && separator.Length == 0 ? CallFormat.Llama.Separator : separator,
            IsList = isList,
            IsBare = isBare,
            HasBareTexts = only.HasBareTexts,
            Name = only.NameMember,
            Arguments = only.ArgumentsMember,
        };
        bool isReadable = !(isBare && only.Notation == CallNotation.Named)
            && !(format.Open + format.Each + format.Close + format.End).Contains(FirstId, StringComparison.Ordinal);
        return isReadable ? format : null;
    }

    private static bool IsList(string before, string after) => before.TrimEnd().EndsWith('[') && after.TrimStart().StartsWith(']');

    /// <summary>The end that two texts share, cut to where a marker may begin.</summary>
    private static string SharedEnd(string text, string other)
    {
        int length = 0;
        while (length < Math.Min(text.Length, other.Length) && text[^(length + 1)] == other[^(length + 1)])
            length++;
        while (length > 0 && length < text.Length && length < other.Length && text[^length] is not ('<' or '[' or '(' or '{'))
            length--;
        return text[^length..];
    }

    /// <summary>The beginning that two texts share, cut to where a marker may end.</summary>
    private static string SharedStart(string text, string other)
    {
        int length = text.AsSpan().CommonPrefixLength(other);
        while (length > 0 && length < text.Length && length < other.Length && text[length - 1] is not ('>' or ']' or ')' or '}'))
            length--;
        return text[..length];
    }

    private static JsonObject Question => Message("user", "q");

    private static JsonObject Message(string role, string? content) => new() { ["role"] = role, ["content"] = content };

    /// <summary>A message that calls, and perhaps the calls' results.</summary>
    private JsonObject[] Calling((string Name, string Id)[] calls, bool goesOn)
    {
        JsonObject message = Message("assistant", wantsText ? "" : null);
        message["tool_calls"] = new JsonArray([.. calls.Select(call => new JsonObject
        {
            ["id"] = call.Id,
            ["type"] = "function",
            ["function"] = new JsonObject
            {
                ["name"] = call.Name,
                ["arguments"] = stringArguments ? Arguments : JsonNode.Parse(Arguments),
            },
        })]);
        return !goesOn ? [message] : [message, .. calls.Select(call => new JsonObject
        {
            ["role"] = "tool",
            ["tool_call_id"] = call.Id,
            ["name"] = call.Name,
            ["content"] = NextQuestion,
        })];
    }

    /// <summary>Where a call stands, from its notation's first character to its last.</summary>
    private readonly record struct Place(
        CallNotation Notation, int Start, int End, string AfterName = "", string NameMember = "name", string ArgumentsMember = "arguments",
        bool HasBareTexts = false)
    {
        public static Place? Find(string text, string name, int from)
        {
            int named = text.IndexOf(name, from, StringComparison.Ordinal);
            if (named < 0)
                return null;
            for (int brace = text.IndexOf('{', from); brace >= 0 && brace < named; brace = text.IndexOf('{', brace + 1))
            {
                if (ObjectAt(text, brace, out int end) is { } call
                    && MemberOf(call, value => value is JsonValue && value.ToString() == name) is { } nameMember
                    && MemberOf(call, IsArguments) is { } argumentsMember)
                    return new(CallNotation.Object, brace, end, "", nameMember, argumentsMember);
            }

            int after = named + name.Length;
            if (text.AsSpan(after).StartsWith("(" + ArgumentName))
            {
                int end = text.IndexOf(')', after) + 1;
                return end == 0 ? null
                    : new(CallNotation.Python, named, end, HasBareTexts: text.AsSpan(after).StartsWith($"({ArgumentName}={ArgumentText}"));
            }

            if (text.IndexOf('{', after) is var arguments and >= 0 && IsArguments(ObjectAt(text, arguments, out int last)))
            {
                string afterName = text[after..arguments].Replace(FirstId, CallFormat.IdMark.ToString(), StringComparison.Ordinal);
                return new(CallNotation.Named, named, last, afterName);
            }

            string element = ElementCallReader.Open + name;
            return text.IndexOf(element, from, StringComparison.Ordinal) is var open and >= 0
                && text.IndexOf(ElementCallReader.Close, open, StringComparison.Ordinal) is var close and >= 0
                    ? new(CallNotation.Object, open, close + ElementCallReader.Close.Length) : null;
        }

        private static string? MemberOf(JsonObject call, Predicate<JsonNode?> what) =>
            call.Where(member => what(member.Value)).Select(member => member.Key).FirstOrDefault();

        private static bool IsArguments(JsonNode? node) =>
            JsonNode.DeepEquals(node, JsonNode.Parse(Arguments)) || (node is JsonValue text && text.ToString() == Arguments);

        private static JsonObject? ObjectAt(string text, int start, out int end)
        {
            var scanner = new JsonScanner();
            for (end = start; end < text.Length && !scanner.IsComplete && scanner.Push(text[end]);)
                end++;
            return scanner.IsComplete ? JsonNode.Parse(text[start..end]) as JsonObject : null;
        }
    }
}
