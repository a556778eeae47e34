using Google.Protobuf;

namespace Agentic.ModelRuntime;

/// <summary>Reads tokenizer.model, a SentencePiece model (protobuf), as Llama-2 and Mistral have it.</summary>
internal sealed class SentencePieceFile
{
    private const int Bpe = 2, Unigram = 1;

    private readonly List<(string Text, float Score, PieceKind Kind)> _pieces = [];
    private int _modelType = Unigram;
    private bool _hasTrainer;
    private bool _byteFallback, _suffixesWhiteSpace;
    private CharacterMap? _characterMap;
    private bool _addsDummyPrefix = true, _removesExtraWhiteSpace = true, _escapesWhiteSpace = true;

    private enum PieceKind
    {
        Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6,
    }

    /// <exception cref="ModelLoadException">The file is damaged, or has a feature that is not known here.</exception>
    public static TokenizerRules Read(string path, TokenizerSettings settings)
    {
        try
        {
            byte[] bytes = File.ReadAllBytes(path);
            SentencePieceFile file = new();
            file.ReadModel(new CodedInputStream(bytes));
            return file.Rules(settings);
        }
        catch (Exception error) when (error is InvalidProtocolBufferException or FormatException)
        {
            string reason = error.Message.ReplaceLineEndings(" ");
            throw new ModelLoadException($"{path} cannot be used ({reason}); fetch it again, or put a tokenizer.json beside it", error);
        }
    }

    /// <summary>What such a model means where tokenizer_config.json is silent: a text begins with &lt;s&gt;.</summary>
    public static TokenizerSettings Complete(TokenizerSettings settings, Vocabulary vocabulary)
    {
        string? Known(string token) => vocabulary.Find(token) is null ? null : token;

        return settings with
        {
            AddsBeginning = settings.AddsBeginning ?? true,
            BeginningToken = settings.BeginningToken ?? Known("<s>"),
            EndToken = settings.EndToken ?? Known("</s>"),
            UnknownToken = settings.UnknownToken ?? Known("<unk>"),
        };
    }

    private void ReadModel(CodedInputStream input)
    {
        for (uint tag; (tag = input.ReadTag()) != 0;)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: ReadPiece(input.ReadBytes().CreateCodedInput()); break;
                case 2: ReadTrainer(input.ReadBytes().CreateCodedInput()); break;
                case 3: ReadNormalizer(input.ReadBytes().CreateCodedInput()); break;
                default: input.SkipLastField(); break;
            }
        }
        if (_pieces.Count == 0 || !_hasTrainer)
            throw new FormatException("it ends before its pieces and their kind are told");
    }

    private void ReadPiece(CodedInputStream input)
    {
        (string text, float score, PieceKind kind) = ("", 0, PieceKind.Normal);
        for (uint tag; (tag = input.ReadTag()) != 0;)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: text = input.ReadString(); break;
                case 2: score = input.ReadFloat(); break;
                case 3: kind = (PieceKind)input.ReadEnum(); break;
                default: input.SkipLastField(); break;
            }
        }
        _pieces.Add((text, score, kind));
    }

    private void ReadTrainer(CodedInputStream input)
    {
        _hasTrainer = true;
        for (uint tag; (tag = input.ReadTag()) != 0;)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 3: _modelType = input.ReadEnum(); break;
                case 24: _suffixesWhiteSpace = input.ReadBool(); break;
                case 35: _byteFallback = input.ReadBool(); break;
                default: input.SkipLastField(); break;
            }
        }
    }

    private void ReadNormalizer(CodedInputStream input)
    {
        for (uint tag; (tag = input.ReadTag()) != 0;)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 2: _characterMap = input.ReadBytes() is { Length: > 0 } map ? new(map.Span, byGrapheme: false) : null; break;
                case 3: _addsDummyPrefix = input.ReadBool(); break;
                case 4: _removesExtraWhiteSpace = input.ReadBool(); break;
                case 5: _escapesWhiteSpace = input.ReadBool(); break;
                default: input.SkipLastField(); break;
            }
        }
    }

    private TokenizerRules Rules(TokenizerSettings settings)
    {
        if (_suffixesWhiteSpace || !_escapesWhiteSpace)
            throw new FormatException("it marks white space in a way that is not known here");
        Vocabulary vocabulary = new();
        for (int id = 0; id < _pieces.Count; id++)
            vocabulary.Add(_pieces[id].Text, id);
        bool userDefined = _pieces.Any(piece => piece.Kind == PieceKind.UserDefined);
        return new TokenizerRules
        {
            Vocabulary = vocabulary,
            Model = _modelType switch
            {
                Bpe => BytePairs(vocabulary),
                Unigram => Likeliest(vocabulary),
                _ => throw new FormatException("its model is neither BPE nor unigram"),
            },
            Normalizer = _characterMap,
            PreTokenizers = [new SentencePiecePreTokenizer(_addsDummyPrefix, settings.IsLegacy && !userDefined, _removesExtraWhiteSpace)],
            AddedTokens = [.. _pieces.Index()
                .Where(piece => piece.Item.Kind is PieceKind.Unknown or PieceKind.Control or PieceKind.UserDefined)
                .Select(piece => new AddedToken(piece.Item.Text, piece.Index) { IsSpecial = piece.Item.Kind != PieceKind.UserDefined })],
            Decoder = DecodeChain.SentencePiece(_addsDummyPrefix),
            TokenBytes = DecodeChain.FallbackBytes,
        };
    }

    /// <summary>SentencePiece has no merges: two symbols become one when that is a piece, the best score first.</summary>
    private BytePairModel BytePairs(Vocabulary vocabulary)
    {
        Vocabulary mergeable = new();
        foreach ((int id, (string text, _, PieceKind kind)) in _pieces.Index())
        {
            if (kind is PieceKind.Normal or PieceKind.Byte or PieceKind.UserDefined && text.Length > 0)
                mergeable.Add(text, id);
        }
        Dictionary<long, Merge> merges = [];
        int rank = 0;
        float last = float.NaN;
        foreach ((int id, (string text, float score, _)) in _pieces.Index().Where(piece => piece.Item.Kind == PieceKind.Normal)
            .OrderByDescending(piece => piece.Item.Score))
        {
            // Pieces of one score are equals, and the leftmost merges first.
            rank += score == last ? 0 : 1;
            last = score;
            for (int cut = 1; cut < text.Length; cut++)
            {
                if (!char.IsLowSurrogate(text[cut]) && mergeable.TryGetId(text.AsSpan(0, cut), out int left)
                    && mergeable.TryGetId(text.AsSpan(cut), out int right))
                    merges[BytePairModel.Pair(left, right)] = new Merge(rank, id);
            }
        }
        return new BytePairModel(mergeable, merges, new BytePairOptions
        {
            ByteFallback = _byteFallback,
            Unknown = UnknownId,
            FuseUnknown = true,
        });
    }

    private int? UnknownId => _pieces.FindIndex(piece => piece.Kind == PieceKind.Unknown) is int id and >= 0 ? id : null;

    private UnigramModel Likeliest(Vocabulary vocabulary)
    {
        IEnumerable<(string Text, int Id, double Score)> pieces = _pieces.Index()
            .Where(piece => piece.Item.Kind is PieceKind.Normal or PieceKind.UserDefined)
            .Select(piece => (piece.Item.Text, piece.Index, (double)piece.Item.Score));
        double least = _pieces.Where(piece => piece.Kind == PieceKind.Normal).Select(piece => (double)piece.Score).DefaultIfEmpty().Min();
        return new UnigramModel(
            pieces, least, UnknownId, _byteFallback ? UnigramModel.ByteTokens(vocabulary) : null, singlePrecision: true);
    }
}
