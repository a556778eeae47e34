using System.Text.Json;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>Predicted Outputs: what a client expects the answer to be, so that it comes sooner where it is right.</summary>
/// <param name="Text">The expected answer.</param>
internal sealed record Prediction(string Text)
{
    /// <summary>Reads <c>prediction</c>, a text or text parts. OpenAI refuses it beside several choices, log-probabilities, penalties and
    /// functions, and so does this; it also refuses <c>max_completion_tokens</c>, which does no harm here.</summary>
    /// <exception cref="ApiException">400.</exception>
    public static Prediction? Read(Fields request, ToolUse tools)
    {
        if (request.Object("prediction") is not { } prediction)
            return null;
        if (prediction.RequiredString("type") is var type and not "content")
            throw ApiException.WrongValue("prediction.type", type, "content");
        string text = TextOf(prediction);
        Refuse("n", request.Json["n"] is { } n && n.GetValue<double>() > 1);
        Refuse("logprobs", request.Boolean("logprobs") == true);
        Refuse("presence_penalty", request.Json["presence_penalty"] is { } presence && presence.GetValue<double>() > 0);
        Refuse("frequency_penalty", request.Json["frequency_penalty"] is { } frequency && frequency.GetValue<double>() > 0);
        Refuse(tools.IsLegacy ? "functions" : "tools", tools.MayCall);
        return new Prediction(text);
    }

    /// <summary>How far an answer was predicted.</summary>
    /// <param name="predicted">Tokens of the prediction.</param>
    /// <param name="written">Tokens of the answer, without the one that ended it.</param>
    public static PredictionCursor Compare(int[] predicted, IEnumerable<int> written)
    {
        var cursor = new PredictionCursor(predicted);
        foreach (int token in written)
            cursor.Advance(token);
        return cursor;
    }

    private static string TextOf(Fields prediction)
    {
        switch (prediction.Json["content"])
        {
            case null:
                throw ApiException.Missing(prediction.PathOf("content"));
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                return value.GetValue<string>();
            case JsonArray:
                return string.Concat(prediction.Objects("content")!.Select(part => part.RequiredString("type") is "text"
                    ? part.RequiredString("text")
                    : throw ApiException.WrongValue(part.PathOf("type"), part.String("type"), "text")));
            case { } other:
                throw ApiException.WrongType(prediction.PathOf("content"), "a string or an array of text parts", Fields.NameOf(other));
        }
    }

    private static void Refuse(string param, bool isUsed)
    {
        if (isUsed)
            throw ApiException.Invalid($"Unsupported parameter: '{param}' is not supported with 'prediction'.", param,
                "unsupported_parameter");
    }
}
