namespace Agentic.ModelRuntime;

/// <summary>Tokens by id and ids by token. Several spellings may share an id; the first given is the one an id decodes to.</summary>
internal sealed class Vocabulary
{
    /// <summary>Past this an id is damage: no vocabulary has a sixteenth of it, and the table of tokens would not fit.</summary>
    private const int MaxId = 1 << 24;

    private readonly Dictionary<string, int> _ids = [];
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idsBySpan;
    private readonly List<string?> _tokens = [];

    public Vocabulary() => _idsBySpan = _ids.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>One past the highest id.</summary>
    public int Size => _tokens.Count;

    public string? this[int id] => (uint)id < (uint)_tokens.Count ? _tokens[id] : null;

    /// <exception cref="FormatException">The id is none that a vocabulary can have.</exception>
    public static int CheckId(string token, int id) =>
        id is >= 0 and <= MaxId ? id : throw new FormatException($"the token {token} has the id {id}, which is none");

    /// <exception cref="FormatException">The id is none that a vocabulary can have.</exception>
    public void Add(string token, int id)
    {
        CheckId(token, id);
        while (_tokens.Count <= id)
            _tokens.Add(null);
        _tokens[id] ??= token;
        _ids[token] = id;
    }

    public bool TryGetId(ReadOnlySpan<char> token, out int id) => _idsBySpan.TryGetValue(token, out id);

    public int? Find(ReadOnlySpan<char> token) => _idsBySpan.TryGetValue(token, out int id) ? id : null;

    /// <exception cref="FormatException">There is no such token.</exception>
    public int Require(string token, string role) =>
        Find(token) ?? throw new FormatException($"{role} names the token {token}, which is not in the vocabulary");
}
