using System.Text.Json;

namespace Agentic.ModelRuntime;

/// <summary>Reads tokenizer.json, the format of the Hugging Face tokenizers library: model, added tokens, the ids around a text.</summary>
internal static class TokenizerJson
{
    /// <exception cref="ModelLoadException">The file is damaged, or has a part that is not known here.</exception>
    public static TokenizerRules Read(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            return Read(document.RootElement);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            string reason = error.Message.ReplaceLineEndings(" ");
            throw new ModelLoadException($"{path} cannot be used ({reason}); fetch it again, or choose a byte-pair model", error);
        }
    }

    private static TokenizerRules Read(JsonElement root)
    {
        JsonElement model = root.GetProperty("model");
        bool isList = model.TryGetProperty("vocab", out JsonElement tokens) && tokens.ValueKind == JsonValueKind.Array;
        string type = model.Text("type") ?? (model.TryGetProperty("merges", out _) ? "BPE" : isList ? "Unigram" : "");
        if (type is not ("BPE" or "Unigram"))
            throw new FormatException($"its model is {(type.Length == 0 ? "of no known type" : type)}, neither BPE nor Unigram");

        List<IPreTokenizer> preTokenizers = [];
        TokenizerJsonSteps.ReadPreTokenizers(root.Part("pre_tokenizer"), preTokenizers);
        // The byte alphabet is where bytes meet the vocabulary: as the last step it is left to the model, which then needs no letters.
        bool byteLevel = type == "BPE" && preTokenizers is [.., ByteLettersPreTokenizer];
        if (byteLevel)
            preTokenizers.RemoveAt(preTokenizers.Count - 1);

        Vocabulary vocabulary = new();
        ITokenModel tokenModel = type == "BPE" ? ReadBytePairs(model, vocabulary, byteLevel) : ReadUnigram(model, vocabulary);
        TokenizerJsonDecoder decoder = TokenizerJsonDecoder.Read(root.Part("decoder"));
        (List<int> prefix, List<int> suffix) = ReadPostProcessor(root.Part("post_processor"));
        return new TokenizerRules
        {
            Vocabulary = vocabulary,
            Model = tokenModel,
            Normalizer = TokenizerJsonSteps.ReadNormalizer(root.Part("normalizer")),
            PreTokenizers = preTokenizers,
            AddedTokens = [.. ReadAddedTokens(root.Part("added_tokens"), vocabulary)],
            Prefix = prefix,
            Suffix = suffix,
            Decoder = decoder.Steps,
            TokenBytes = decoder.TokenBytes,
        };
    }

    private static UnigramModel ReadUnigram(JsonElement model, Vocabulary vocabulary)
    {
        List<(string Text, int Id, double Score)> tokens = [];
        foreach (JsonElement token in model.GetProperty("vocab").EnumerateArray())
        {
            if (token.GetArrayLength() != 2)
                throw new FormatException($"the token {token} is not a text and its score");
            vocabulary.Add(token[0].GetString()!, tokens.Count);
            tokens.Add((token[0].GetString()!, tokens.Count, token[1].GetDouble()));
        }

        return new UnigramModel(
            tokens, tokens.Select(token => token.Score).DefaultIfEmpty().Min(), model.Number("unk_id"),
            model.Flag("byte_fallback") == true ? UnigramModel.ByteTokens(vocabulary) : null, singlePrecision: false);
    }

    private static BytePairModel ReadBytePairs(JsonElement model, Vocabulary vocabulary, bool byteLevel)
    {
        foreach (JsonProperty entry in model.GetProperty("vocab").EnumerateObject())
            vocabulary.Add(entry.Name, entry.Value.GetInt32());
        string continuing = model.Text("continuing_subword_prefix") ?? "";
        Dictionary<long, Merge> merges = [];
        int rank = 0;
        foreach (JsonElement element in model.GetProperty("merges").EnumerateArray())
        {
            (string left, string right) = ReadMerge(element);
            if (!right.StartsWith(continuing, StringComparison.Ordinal))
                throw new FormatException($"merge {rank} joins {left} to {right}, which does not begin with {continuing}");
            string role = $"merge {rank}";
            long pair = BytePairModel.Pair(vocabulary.Require(left, role), vocabulary.Require(right, role));
            merges[pair] = new Merge(rank++, vocabulary.Require(left + right[continuing.Length..], role));
        }
        return new BytePairModel(vocabulary, merges, new BytePairOptions
        {
            ByteLevel = byteLevel,
            IgnoreMerges = model.Flag("ignore_merges") ?? false,
            ByteFallback = model.Flag("byte_fallback") ?? false,
            Unknown = model.Text("unk_token") is string unknown ? vocabulary.Find(unknown) : null,
            FuseUnknown = model.Flag("fuse_unk") ?? false,
            ContinuingPrefix = continuing,
            EndSuffix = model.Text("end_of_word_suffix") ?? "",
        });
    }

    private static (string Left, string Right) ReadMerge(JsonElement element)
    {
        string[] parts = element.ValueKind == JsonValueKind.String
            ? element.GetString()!.Split(' ')
            : [.. element.EnumerateArray().Select(part => part.GetString() ?? "")];
        return parts is [string left, string right]
            ? (left, right)
            : throw new FormatException($"the merge {element} is not of two tokens");
    }

    private static IEnumerable<AddedToken> ReadAddedTokens(JsonElement tokens, Vocabulary vocabulary)
    {
        foreach (JsonElement element in tokens.Items())
        {
            AddedToken token = TokenizerSettings.Describe(element, element.GetProperty("id").GetInt32());
            yield return token with { Id = vocabulary.Find(token.Content) ?? Vocabulary.CheckId(token.Content, token.Id) };
        }
    }

    private static (List<int> Prefix, List<int> Suffix) ReadPostProcessor(JsonElement element)
    {
        List<int> prefix = [], suffix = [];
        switch (element.Type())
        {
            case null or "ByteLevel":
                break;
            case "Sequence":
                foreach (JsonElement step in element.GetProperty("processors").EnumerateArray())
                {
                    (List<int> before, List<int> behind) = ReadPostProcessor(step);
                    prefix.InsertRange(0, before);
                    suffix.AddRange(behind);
                }
                break;
            case "BertProcessing" or "RobertaProcessing":
                prefix.Add(element.GetProperty("cls")[1].GetInt32());
                suffix.Add(element.GetProperty("sep")[1].GetInt32());
                break;
            case "TemplateProcessing":
                ReadTemplate(element, prefix, suffix);
                break;
            case string type:
                throw new FormatException($"its post-processor {type} is not known here");
        }
        return (prefix, suffix);
    }

    private static void ReadTemplate(JsonElement element, List<int> prefix, List<int> suffix)
    {
        bool behind = false;
        foreach (JsonElement item in element.GetProperty("single").EnumerateArray())
        {
            if (item.TryGetProperty("SpecialToken", out JsonElement special))
            {
                JsonElement token = element.GetProperty("special_tokens").GetProperty(special.GetProperty("id").GetString()!);
                (behind ? suffix : prefix).AddRange(token.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
            }
            else if (behind)
            {
                throw new FormatException("its template repeats the text");
            }
            else
            {
                behind = true;
            }
        }
    }
}
