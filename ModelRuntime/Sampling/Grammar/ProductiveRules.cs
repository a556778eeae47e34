using System.Runtime.CompilerServices;

namespace Agentic.ModelRuntime;

/// <summary>The rules that have a member: the others are recursion without an end, or hold a contradiction.</summary>
public static class ProductiveRules
{
    /// <summary>Those of a grammar's rules.</summary>
    /// <param name="rules">All, a rule before those that its parts are made of.</param>
    public static IReadOnlySet<GrammarRule> Of(IReadOnlyList<GrammarRule> rules)
    {
        HashSet<GrammarRule> productive = [];
        for (bool grows = true; grows;)
        {
            grows = false;
            Dictionary<Language, bool> looked = [];
            for (int i = rules.Count - 1; i >= 0; i--)   // a rule's parts were made after it
            {
                if (!productive.Contains(rules[i]) && IsProductive(rules[i].Body!, productive, looked))
                    grows |= productive.Add(rules[i]);
            }
        }

        return productive;
    }

    private static bool IsProductive(Language expression, HashSet<GrammarRule> productive, Dictionary<Language, bool> looked)
    {
        if (looked.TryGetValue(expression, out bool known))
            return known;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        Language last = expression;
        for (; last is SequenceLanguage sequence; last = sequence.Rest)
        {
            if (!IsProductive(sequence.First, productive, looked))
                return looked[expression] = false;
        }

        return looked[expression] = last switch
        {
            NothingLanguage => false,
            GrammarRule rule => productive.Contains(rule),
            ChoiceLanguage choice => choice.Alternatives.Any(alternative => IsProductive(alternative, productive, looked)),
            RepeatLanguage repeat => repeat.Min == 0 || IsProductive(repeat.Item, productive, looked),
            _ => true,   // bytes; an intersection without a member has not been made
        };
    }
}
