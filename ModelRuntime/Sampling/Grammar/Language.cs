namespace Agentic.ModelRuntime;

/// <summary>A language of byte strings, made by a <see cref="Grammar"/>. Equal languages built alike are one object.</summary>
public abstract class Language
{
    private bool? _nullable;

    private protected Language(int id) => Id = id;

    /// <summary>In order of making; the order of a choice's alternatives.</summary>
    internal int Id { get; }

    /// <summary>What may follow each class of bytes, as far as it has been asked; null entries have not.</summary>
    internal Language?[]? Next { get; set; }

    /// <summary>Whether nothing more need follow.</summary>
    internal bool IsNullable => _nullable ??= ComputeNullable();

    /// <summary>What may follow a byte (Brzozowski, JACM 1964), without looking it up.</summary>
    internal abstract Language Derive(Grammar grammar, byte value);

    private protected abstract bool ComputeNullable();
}

/// <summary>No string at all.</summary>
internal sealed class NothingLanguage(int id) : Language(id)
{
    internal override Language Derive(Grammar grammar, byte value) => this;

    private protected override bool ComputeNullable() => false;
}

/// <summary>The empty string alone.</summary>
internal sealed class EmptyLanguage(int id) : Language(id)
{
    internal override Language Derive(Grammar grammar, byte value) => grammar.Nothing;

    private protected override bool ComputeNullable() => true;
}

/// <summary>One byte of a set.</summary>
internal sealed class ByteLanguage(int id, ByteSet set) : Language(id)
{
    public ByteSet Set => set;

    internal override Language Derive(Grammar grammar, byte value) => set.Contains(value) ? grammar.Empty : grammar.Nothing;

    private protected override bool ComputeNullable() => false;
}

/// <summary>One after the other. The first is no sequence: a sequence is a list, and so the stack of what is still open.</summary>
internal sealed class SequenceLanguage(int id, Language first, Language rest) : Language(id)
{
    public Language First => first;

    public Language Rest => rest;

    internal override Language Derive(Grammar grammar, byte value)
    {
        Language longer = grammar.Sequence(grammar.After(first, value), rest);
        return first.IsNullable ? grammar.Choice(longer, grammar.After(rest, value)) : longer;
    }

    private protected override bool ComputeNullable()
    {
        Language last = this;
        for (; last is SequenceLanguage sequence; last = sequence.Rest)
        {
            if (!sequence.First.IsNullable)
                return false;
        }

        return last.IsNullable;
    }
}

/// <summary>Any of some. None of them is a choice.</summary>
internal sealed class ChoiceLanguage(int id, Language[] alternatives) : Language(id)
{
    public IReadOnlyList<Language> Alternatives => alternatives;

    internal override Language Derive(Grammar grammar, byte value) =>
        grammar.Choice(Array.ConvertAll(alternatives, alternative => grammar.After(alternative, value)));

    private protected override bool ComputeNullable() => Array.Exists(alternatives, alternative => alternative.IsNullable);
}

/// <summary>An item again and again. The counts are what is still to come, so no state is spent on counts never reached.</summary>
internal sealed class RepeatLanguage(int id, Language item, int min, int max) : Language(id)
{
    public Language Item => item;

    public int Min => min;

    /// <summary><see cref="int.MaxValue"/> is without end.</summary>
    public int Max => max;

    internal override Language Derive(Grammar grammar, byte value) => grammar.Sequence(
        grammar.After(item, value), grammar.Repeat(item, Math.Max(0, min - 1), max == int.MaxValue ? max : max - 1));

    private protected override bool ComputeNullable() => min == 0 || item.IsNullable;
}

/// <summary>What is in two languages.</summary>
internal sealed class BothLanguage(int id, Language left, Language right) : Language(id)
{
    public Language Left => left;

    public Language Right => right;

    /// <summary>Whether any string is in both, once that is known.</summary>
    public bool? IsLive { get; set; }

    internal override Language Derive(Grammar grammar, byte value) =>
        grammar.Both(grammar.After(left, value), grammar.After(right, value));

    private protected override bool ComputeNullable() => left.IsNullable && right.IsNullable;
}

/// <summary>Every string that is not in a language. It may hold none itself, so that it only stands within an intersection.</summary>
internal sealed class NotLanguage(int id, Language inner) : Language(id)
{
    /// <summary>Whether it is every string there is.</summary>
    public bool IsAll => inner is NothingLanguage;

    internal override Language Derive(Grammar grammar, byte value) => grammar.Not(grammar.After(inner, value));

    private protected override bool ComputeNullable() => !inner.IsNullable;
}

/// <summary>A name for a language, so that it can be part of itself.</summary>
public sealed class GrammarRule : Language
{
    internal GrammarRule(int id)
        : base(id)
    {
    }

    /// <summary>What it stands for. It must not begin with itself.</summary>
    public Language? Body { get; set; }

    internal override Language Derive(Grammar grammar, byte value) => grammar.After(Body!, value);

    private protected override bool ComputeNullable() => Body!.IsNullable;
}
