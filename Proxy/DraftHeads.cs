using System.Text.Json.Nodes;
using Agentic.Kernels;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>Opens a model's draft head and sees whether it follows the model.</summary>
internal static class DraftHeads
{
    private const int AnswerTokens = 96;
    private static readonly TimeSpan CheckLimit = TimeSpan.FromSeconds(5);

    private static readonly string[] Questions =
    [
        "Hello! What can you do for me?",
        "Write a short function that adds two numbers, and show how it is called.",
        "Explain in a few sentences why the sky is blue.",
        "List three things to check before a release.",
    ];

    /// <summary>Loads a head and checks it on what the model writes.</summary>
    /// <param name="directory">The head's.</param>
    /// <param name="modelDirectory">The model's, for its tokenizer and template.</param>
    /// <param name="model">With its KV pool allocated, which nobody uses yet.</param>
    /// <param name="kernels">Where it computes.</param>
    /// <exception cref="ModelLoadException">It is no head, a damaged one, one of another model, or one that does not follow it.</exception>
    public static DraftHead Open(string directory, string modelDirectory, Transformer model, IKernels kernels)
    {
        if (!Directory.Exists(directory))
            throw new ModelLoadException($"draft: '{directory}' is not a directory; name one with a head's config.json and weights");
        DraftHead head = DraftHead.Load(directory, model, kernels);
        DraftCheck check = head.Check(
            Prompts(modelDirectory), [.. GenerationConfig.Read(modelDirectory).EosTokenIds], AnswerTokens, TimeProvider.System, CheckLimit);
        if (check.Acceptance >= DraftCheck.Broken)
            return head;
        head.Dispose();
        throw new ModelLoadException(
            $"draft: the head in {directory} names {check.Acceptance:0.00} of the model's next tokens, and below {DraftCheck.Broken} it is useless: it was "
            + $"trained for another model, or is fed from other layers than [{string.Join(", ", head.Boundaries)}]");
    }

    private static IReadOnlyList<int[]> Prompts(string modelDirectory)
    {
        Tokenizer tokenizer = Tokenizer.Load(modelDirectory);
        ChatTemplate? template = ChatTemplate.Find(modelDirectory);
        return [.. Questions.Select(question => Encode(question)).Where(ids => ids.Length > 0)];

        int[] Encode(string question)
        {
            try
            {
                if (template is not null)
                    return tokenizer.Encode(template.Render(Conversation(question)), addSpecialTokens: false);
            }
            catch (ChatTemplateException)
            {
                // A template that wants more than a question is passed over: plain text does for a check.
            }

            return tokenizer.Encode(question, addSpecialTokens: true);
        }
    }

    private static JsonObject Conversation(string question) => new()
    {
        ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = question }),
        ["tools"] = null,
        ["documents"] = null,
        ["add_generation_prompt"] = true,
    };
}
