using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Agentic.ModelRuntime;

/// <summary>Text to token ids and back, exactly as the Hugging Face libraries do it for the same files. Safe for concurrent use.</summary>
/// <remarks>A lone surrogate in text counts as U+FFFD. Time is linear in the text, but for a logarithm in the length of a word.</remarks>
public sealed class Tokenizer
{
    private static readonly string[] FileNames = ["tokenizer.json", "tokenizer.model"];

    private readonly TokenizerRules _rules;
    private readonly TokenizerSettings _settings;
    private readonly IReadOnlyList<Func<DecodeStage, DecodeStage>> _decoder;
    private readonly Dictionary<string, int> _addedIds = [];
    private readonly Dictionary<int, string> _addedTokens = [];
    private readonly HashSet<int> _special = [];
    private readonly AddedTokenFinder _finder;
    private readonly AddedTokenFinder _normalizedFinder;
    private readonly byte[]?[] _tokenBytes;
    private readonly int[] _prefix;
    private readonly int[] _suffix;
    private readonly Lazy<int?> _mostBytesPerToken;

    internal Tokenizer(TokenizerRules rules, TokenizerSettings settings, string fingerprint)
    {
        (_rules, _settings, Fingerprint) = (rules, settings, fingerprint);
        List<AddedToken> added = MergeAdded(rules, settings);
        foreach (AddedToken token in added)
        {
            _addedIds[token.Content] = token.Id;
            _addedTokens[token.Id] = token.Content;
            if (token.IsSpecial)
                _special.Add(token.Id);
        }
        VocabularySize = added.Select(token => token.Id + 1).Append(rules.Vocabulary.Size).Max();
        _finder = new AddedTokenFinder(added.Where(token => !token.IsNormalized).Select(token => (token.Content, token)));
        _normalizedFinder = new AddedTokenFinder(added.Where(token => token.IsNormalized)
            .Select(token => (rules.Normalizer?.Normalize(token.Content) ?? token.Content, token)));
        _tokenBytes = new byte[]?[VocabularySize];
        bool bytePairs = rules.Model is BytePairModel;
        _decoder = settings.CleansUpSpaces && (!bytePairs || settings.CleansUpBytePairs)
            ? [.. rules.Decoder, .. DecodeChain.CleanUp()]
            : rules.Decoder;
        // tokenizer_config.json has the last word on what stands around a text.
        bool overrides = settings.AddsBeginning is not null || settings.AddsEnd is not null;
        _prefix = overrides ? Around(settings.AddsBeginning, BeginningId) : [.. rules.Prefix];
        _suffix = overrides ? Around(settings.AddsEnd, EndId) : [.. rules.Suffix];
        bool keepsAll = rules.Model.KeepsEveryByte && !rules.PreTokenizers.Any(step => step.LeavesOut)
            && !added.Exists(token => token.StripsLeft || token.StripsRight);
        double shrinking = rules.Normalizer?.MostShrinking ?? 1;
        _mostBytesPerToken = new(() => keepsAll && double.IsFinite(shrinking)
            ? (int)Math.Ceiling(shrinking * Enumerable.Range(0, VocabularySize).Max(id => TokenBytes(id).Length))
            : null);
    }

    /// <summary>One past the highest token id, added tokens included.</summary>
    public int VocabularySize { get; }

    /// <summary>Bytes of UTF-8 of which a text has at most so many for each of its tokens; null where there is no such bound.</summary>
    public int? MostBytesPerToken => _mostBytesPerToken.Value;

    /// <summary>Names the vocabulary and its rules: equal only for tokenizers that give equal ids. Lower-case hexadecimal.</summary>
    public string Fingerprint { get; }

    /// <summary>The token that may begin a text, as the model's configuration names it.</summary>
    public string? BeginningToken => _settings.BeginningToken;

    /// <summary>The token that ends a text.</summary>
    public string? EndToken => _settings.EndToken;

    /// <summary>The token that fills batches.</summary>
    public string? PaddingToken => _settings.PaddingToken;

    /// <summary>The token for text that the vocabulary cannot write.</summary>
    public string? UnknownToken => _settings.UnknownToken;

    /// <summary>The id of <see cref="BeginningToken"/>.</summary>
    public int? BeginningId => BeginningToken is string token ? TokenId(token) : null;

    /// <summary>The id of <see cref="EndToken"/>.</summary>
    public int? EndId => EndToken is string token ? TokenId(token) : null;

    /// <summary>Reads the tokenizer of a model directory: tokenizer.json, or else tokenizer.model, with tokenizer_config.json.</summary>
    /// <exception cref="ModelLoadException">There is none, or it cannot be used.</exception>
    public static Tokenizer Load(string modelDirectory)
    {
        ArgumentException.ThrowIfNullOrEmpty(modelDirectory);
        string? path = FileNames.Select(name => Path.Combine(modelDirectory, name)).FirstOrDefault(File.Exists);
        if (path is null)
        {
            throw new ModelLoadException($"{modelDirectory} has no tokenizer: neither {string.Join(" nor ", FileNames)} is there; "
                + "copy the file from where the model came from, or name the model's own directory");
        }
        TokenizerSettings settings = TokenizerSettings.Read(modelDirectory);
        try
        {
            if (path.EndsWith(".json", StringComparison.Ordinal))
                return new Tokenizer(TokenizerJson.Read(path), settings, Hash(path, settings));
            TokenizerRules rules = SentencePieceFile.Read(path, settings);
            return new Tokenizer(rules, SentencePieceFile.Complete(settings, rules.Vocabulary), Hash(path, settings));
        }
        catch (IOException error)
        {
            throw new ModelLoadException($"{path} cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Text to ids. Special tokens that are written in the text are recognised.</summary>
    /// <param name="text">Any text, the empty one too.</param>
    /// <param name="addSpecialTokens">Whether the tokens that the model wants around a text are added, such as a beginning token.</param>
    /// <param name="enough">The text's rest may be left out once there are more than so many.</param>
    public int[] Encode(string text, bool addSpecialTokens, int enough = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<int> ids = new((int)Math.Min((text.Length / 3) + 8, enough + 8L));
        if (addSpecialTokens)
            ids.AddRange(_prefix);
        EncodeText(WellFormed(text), ids, enough);
        if (addSpecialTokens)
            ids.AddRange(_suffix);
        return [.. ids];
    }

    /// <summary>Ids to text. An id without a token adds nothing.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens)
    {
        StreamingDecoder decoder = new(this, skipSpecialTokens);
        foreach (int id in ids)
            decoder.Push(id);
        return decoder.Flush();
    }

    /// <summary>Whether the id is of a special token: one that steers the model and is no part of what it says.</summary>
    public bool IsSpecial(int id) => _special.Contains(id);

    /// <summary>The id of a token as the vocabulary spells it, or null.</summary>
    public int? TokenId(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        return _addedIds.TryGetValue(token, out int id) ? id : _rules.Vocabulary.Find(token);
    }

    /// <summary>The token of an id as the vocabulary spells it, or null.</summary>
    public string? Token(int id) => _addedTokens.GetValueOrDefault(id) ?? _rules.Vocabulary[id];

    /// <summary>The bytes that a token stands for, which need not be whole characters; none for an id without a token.</summary>
    public ReadOnlySpan<byte> TokenBytes(int id)
    {
        if ((uint)id >= (uint)_tokenBytes.Length)
            return default;
        return _tokenBytes[id] ??= Token(id) is string token ? _rules.TokenBytes(token) : [];
    }

    internal DecodeStage BeginDecoding(DecodeStage end) => DecodeChain.Build(_decoder, end);

    private static List<AddedToken> MergeAdded(TokenizerRules rules, TokenizerSettings settings)
    {
        List<AddedToken> added = [.. rules.AddedTokens.Where(token => token.Content.Length > 0)];
        foreach (AddedToken token in settings.AddedTokens.Where(token => token.Content.Length > 0))
        {
            int known = added.FindIndex(other => other.Content == token.Content);
            int id = rules.Vocabulary.Find(token.Content) ?? token.Id;
            if (known >= 0)
                added[known] = added[known] with { IsSpecial = added[known].IsSpecial || token.IsSpecial };
            else if (id >= 0)
                added.Add(token with { Id = id }); // one that no file gives an id to, the model cannot have met
        }
        return added;
    }

    private static int[] Around(bool? adds, int? id) => adds == true && id is int token ? [token] : [];

    private static string Hash(string path, TokenizerSettings settings)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(File.ReadAllBytes(path));
        hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(settings));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string WellFormed(string text)
    {
        for (int i = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF'); (uint)i < (uint)text.Length; i++)
        {
            if (char.IsSurrogate(text[i]) && (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1])))
                return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            i += char.IsSurrogate(text[i]) ? 1 : 0;
        }
        return text;
    }

    private void EncodeText(string text, List<int> ids, int enough)
    {
        int end = 0;
        List<(int Start, int End, AddedToken Token)> found = [];
        if (!_finder.IsEmpty)
            _finder.Find(text, found);
        foreach ((int start, int stop, AddedToken token) in found)
        {
            EncodeSegment(text, end, start, ids, enough);
            if (ids.Count > enough)
                return;
            ids.Add(token.Id);
            end = stop;
        }
        EncodeSegment(text, end, text.Length, ids, enough);
    }

    private void EncodeSegment(string text, int start, int end, List<int> ids, int enough)
    {
        if (start >= end || ids.Count > enough)
            return;
        Piece segment = new(text, start, end - start, start == 0);
        if (_rules.Normalizer is not null)
            segment = Piece.Whole(_rules.Normalizer.Normalize(segment.Text.ToString()), segment.IsFirst);
        int free = 0;
        if (!_normalizedFinder.IsEmpty)
        {
            List<(int Start, int End, AddedToken Token)> found = [];
            _normalizedFinder.Find(segment.Text, found);
            foreach ((int from, int to, AddedToken token) in found)
            {
                EncodePieces(segment, free, from, ids, enough);
                if (ids.Count > enough)
                    return;
                ids.Add(token.Id);
                free = to;
            }
        }
        EncodePieces(segment, free, segment.Length, ids, enough);
    }

    private void EncodePieces(Piece segment, int start, int end, List<int> ids, int enough)
    {
        if (start >= end || ids.Count > enough)
            return;
        List<Piece> pieces = [segment.Slice(start, end)], cut = [];
        foreach (IPreTokenizer preTokenizer in _rules.PreTokenizers)
        {
            cut.Clear();
            foreach (Piece piece in pieces)
                preTokenizer.Split(piece, cut);
            (pieces, cut) = (cut, pieces);
        }
        foreach (Piece piece in pieces)
        {
            if (ids.Count > enough)
                return;
            _rules.Model.Encode(piece.Text, ids);
        }
    }
}
