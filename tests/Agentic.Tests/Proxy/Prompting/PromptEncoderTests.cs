using System.Text.Json.Nodes;
using Agentic.ModelRuntime;
using Agentic.Proxy;
using Agentic.SuffixCache;
using CsCheck;

namespace Agentic.Tests;

public sealed class PromptEncoderTests
{
    private static readonly NamespaceKey Space = NamespaceKey.Derive(new byte[16], "a", "m", "t"), Other = NamespaceKey.Derive(new byte[16], "b", "m", "t");

    private const string MistralTemplate = """
        {%- for m in messages %}
            {%- if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}
            {%- elif m.role == 'tool' %}{{ '[TOOL_RESULTS]' + m.content + m.tool_call_id + '[/TOOL_RESULTS]' }}
            {%- elif m.tool_calls %}{{ '[TOOL_CALLS]' + m.tool_calls | map(attribute='function') | list | tojson + '</s>' }}
            {%- else %}ANSWER{{ '</s>' }}
            {%- endif %}
        {%- endfor %}
        """;

    [Fact]
    public void BundledModel_IsPromptedAsByTheReference()
    {
        TokenizerCodec codec = new(Tokenizer.Load(BundledModel.Directory!));
        PromptEncoder encoder = new(codec, ChatTemplate.Load(BundledModel.Directory!), 1000);
        string[] lines = File.ReadAllLines(Path.Combine(BundledModel.Directory!, "greedy.jsonl"));
        Assert.NotEmpty(lines);
        foreach (string line in lines)
        {
            JsonObject recorded = JsonNode.Parse(line)!.AsObject();
            JsonObject[] messages = [.. recorded["messages"]!.AsArray().Select(message => message!.AsObject())];
            JsonObject variables = new() { ["tools"] = recorded["tools"] is JsonArray { Count: > 0 } tools ? tools.DeepClone() : null, ["add_generation_prompt"] = true };

            (int[] ids, _, int spliced, _) = encoder.Encode(Space, messages, variables);

            Assert.Equal(recorded["prompt_ids"]!.AsArray().Select(id => id!.GetValue<int>()), ids);
            Assert.Equal(0, spliced);
        }
    }

    [Fact]
    public void BundledModel_SplicesItsAnswersAndCalls()
    {
        TokenizerCodec codec = new(Tokenizer.Load(BundledModel.Directory!));
        PromptEncoder encoder = new(codec, ChatTemplate.Load(BundledModel.Directory!), 1000);
        const string Generated = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\":  [1 ,2]}}\n</tool_call>";
        int[] odd = [codec.Encode("<tool_call>", false)[0], .. Generated["<tool_call>".Length..^"</tool_call>".Length].SelectMany(c => codec.Encode(c.ToString(), false)),
            codec.Encode("</tool_call>", false)[0]];
        JsonObject call = Parse("""{"role":"assistant","content":null,"tool_calls":[{"id":"x","type":"function","function":{"name":"f","arguments":"{\"a\":  [1 ,2]}"}}]}""");
        encoder.Remember(Space, [User("hi")], call, Generated, odd);
        JsonObject[] messages = [User("hi"), call, Parse("""{"role":"tool","tool_call_id":"x","content":"done"}""")];

        int[] first = encoder.Encode(Space, messages[..1], Variables()).Ids;
        (int[] ids, _, int spliced, _) = encoder.Encode(Space, messages, Variables());
        int stranger = encoder.Encode(Other, messages, Variables()).Spliced;

        Assert.Equal(1, spliced);
        Assert.Equal([.. first, .. odd], ids[..(first.Length + odd.Length)]);
        Assert.Equal(0, stranger);
    }

    [Fact]
    public void AnyConversation_KeepsItsTextAndItsPrefix()
    {
        FakeCodec codec = new();
        Gen<string> text = Gen.Int[0, 7].Select(i => (string[])["Hello", " world", "\n\n", "\n", "é", "😀", "the ", "<tool_"]).SelectMany(
            words => Gen.Int[0, words.Length - 1].Select(i => words[i])).Array[1, 8].Select(string.Concat);
        Gen.Select(text, Gen.Bool).Array[1, 5].Sample(turns =>
        {
            PromptEncoder encoder = new(codec, new FakeTemplate(), 10_000);
            List<JsonObject> messages = [];
            int[] before = [];
            foreach ((string answer, bool inBytes) in turns)
            {
                messages.Add(User(answer));   // the user says the same words, which must not be taken for the answer
                int[] prompt = encoder.Encode(Space, messages, Variables()).Ids;
                Assert.Equal(before, prompt[..before.Length]);
                Assert.Equal(new FakeTemplate().Render(Variables(messages)), codec.TextOf(prompt));
                int[] generated = inBytes ? FakeCodec.Bytes(answer) : codec.Encode(answer, false);
                JsonObject message = new() { ["role"] = "assistant", ["content"] = answer };
                encoder.Remember(Space, messages, message, answer, generated);
                messages.Add(message);
                before = [.. prompt, .. generated];
            }
        }, iter: 300);
    }

    /// <summary>A template without a generation prompt, as Mistral's: the answer stands right behind the question's end, or behind a space
    /// that the template sets.</summary>
    [Theory]
    [InlineData("{{ m.content }}")]
    [InlineData("{{ ' ' + m.content }}")]
    [InlineData("{{ ' ' + m.content | trim }}")]
    public void AnswerWithoutAGenerationPrompt_IsSpliced(string answer)
    {
        TokenizerCodec codec = new(Tokenizer.Load(TestFiles.Golden("tokenizers/sentencepiece-bpe")));
        ChatTemplate template = ChatTemplate.Parse(MistralTemplate.Replace("ANSWER", answer));
        PromptEncoder encoder = new(codec, template, 10_000);
        // As the model writes it: its first word's token carries the space that the template sets; then pieces no tokenizer would choose.
        int[] first = codec.Encode("the", false), rest = [.. " answer, which repeats the question".SelectMany(c => codec.Encode(c.ToString(), false).TakeLast(1))];
        int[] generated = [.. first, .. rest];
        string text = Decoded(codec, generated);
        JsonObject message = new() { ["role"] = "assistant", ["content"] = text };
        JsonObject[] asked = [User($"the question: {text}")];
        int[] prompt = encoder.Encode(Space, asked, Variables()).Ids;
        encoder.Remember(Space, asked, message, text, generated);

        (int[] ids, _, int spliced, _) = encoder.Encode(Space, [.. asked, message, User("more")], Variables());
        int stranger = encoder.Encode(Other, [.. asked, message, User("more")], Variables()).Spliced;

        Assert.Equal((1, 0), (spliced, stranger));
        Assert.Equal([.. prompt, .. generated], ids[..(prompt.Length + generated.Length)]);
    }

    [Fact]
    public void AnswerToAToolWithoutAGenerationPrompt_IsSpliced()
    {
        FakeCodec codec = new();
        PromptEncoder encoder = new(codec, ChatTemplate.Parse(MistralTemplate.Replace("ANSWER", "{{ m.content }}")), 10_000);
        JsonObject call = Parse("""{"role":"assistant","content":"","tool_calls":[{"id":"x","function":{"name":"f","arguments":"{}"}}]}""");
        JsonObject[] asked = [User("Hello"), call, Parse("""{"role":"tool","tool_call_id":"x","content":"Hello"}""")];
        JsonObject message = new() { ["role"] = "assistant", ["content"] = "Hello" };
        int[] prompt = encoder.Encode(Space, asked, Variables()).Ids;
        encoder.Remember(Space, asked, message, "Hello", FakeCodec.Bytes("Hello"));

        (int[] ids, _, int spliced, _) = encoder.Encode(Space, [.. asked, message, User("more")], Variables());

        Assert.Equal(1, spliced);
        Assert.Equal([.. prompt, .. FakeCodec.Bytes("Hello")], ids[..(prompt.Length + 5)]);
    }

    [Fact]
    public void TooLongForAnyTokens_IsRefusedWithoutTokenizing()
    {
        FakeCodec codec = new();
        int most = codec.MostBytesPerToken!.Value;
        PromptLimit limit = new(codec, 100);

        limit.Check(new string('x', 100 * most), "messages");
        ApiException refused = Assert.Throws<ApiException>(() => limit.Check(new string('x', (100 * most) + 1), "messages"));
        Assert.Throws<ApiException>(() => limit.Check(new string('é', (50 * most) + 1), "messages"));

        string half = new('x', 51 * most);
        limit.Check([User(half), new JsonObject { ["role"] = "assistant", ["content"] = half }, User(new string(' ', 51 * most))]);
        Assert.Throws<ApiException>(() => limit.Check([User(half), Parse("""{"role":"assistant","content":"x"}"""), User(half)]));
        Assert.Equal(("context_length_exceeded", "messages", 400), (refused.Error.Code, refused.Error.Param, refused.Status));
        Assert.Contains("at least 101 tokens", refused.Message);
    }

    [Fact]
    public void TooManyTokens_IsRefusedAsSoonAsThatIsKnown()
    {
        PromptLimit limit = new(new FakeCodec(), 100);

        Assert.Equal(150, limit.Encode(new string('x', 150), "prompt", addSpecialTokens: false).Length);
        ApiException refused = Assert.Throws<ApiException>(() => limit.Encode(new string('x', 900), "prompt", addSpecialTokens: false));

        Assert.Equal("context_length_exceeded", refused.Error.Code);
        Assert.Contains("at least 201 tokens", refused.Message);   // and not 900
    }

    [Fact]
    public void MemoryFull_TheLeastRecentlyUsedGoes()
    {
        AnswerMemory memory = new(mostTokens: 5);
        memory.Keep(Space, "first", "a", [1, 2]);
        memory.Keep(Space, "second", "b", [3, 4]);
        Assert.NotNull(memory.Find("first"));

        memory.Keep(Space, "third", "c", [5, 6]);

        Assert.NotNull(memory.Find("first"));
        Assert.Null(memory.Find("second"));
        Assert.Equal([5, 6], memory.Find("third")!.Ids);
    }

    [Fact]
    public void ForgottenNamespace_LeavesNoAnswers()
    {
        AnswerMemory memory = new(mostTokens: 5);
        memory.Keep(Space, "first", "a", [1, 2]);
        memory.Keep(Other, "second", "b", [3, 4]);

        memory.Forget(key => key == Space);
        memory.Keep(Other, "third", "c", [5, 6, 7]);   // there is room again

        Assert.Null(memory.Find("first"));
        Assert.NotNull(memory.Find("second"));
        Assert.NotNull(memory.Find("third"));
    }

    [Theory]
    [InlineData("{{ messages[-1].tool_calls[0].function.arguments | tojson }}", false)]
    [InlineData("{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.arguments if c.function.arguments is string else c.function.arguments | tojson }}{% endfor %}{% endfor %}", true)]
    public void Traits_TellHowArgumentsAreTaken(string template, bool asString) =>
        Assert.Equal(asString, new TemplateTraits(ChatTemplate.Parse(template)).StringArguments);

    /// <summary>Clients send null where a message only calls. Templates search it, print it, add to it, or tell by it that there are calls.</summary>
    [Theory]
    [InlineData("{% if '</think>' in m.content %}?{% endif %}{{ m.content }}{% for c in m.tool_calls %}<{{ c.function.name }}>{% endfor %}")]
    [InlineData("{{ m.content }}{% for c in m.tool_calls %}<{{ c.function.name }}>{% endfor %}")]
    [InlineData("{{ m.content + '' }}{% for c in m.tool_calls %}{% for k, v in c.function.arguments.items() %}{% endfor %}<{{ c.function.name }}>{% endfor %}")]
    [InlineData("{% set c = m.content if loop.last else m.content.split('</think>')[-1] %}{% for c in m.tool_calls %}<{{ c.function.name }}>{% endfor %}")]
    [InlineData("{% if m.content is none %}{% for c in m.tool_calls %}<{{ c.function.name }}>{% endfor %}{% else %}text{{ m.content }}{% endif %}")]
    public void MessageThatOnlyCalls_IsWrittenAsTheTemplateMeansIt(string assistant)
    {
        FakeCodec codec = new();
        PromptEncoder encoder = new(
            codec, ChatTemplate.Parse("{% for m in messages %}{% if m.role == 'assistant' %}" + assistant + "{% else %}{{ m.content }}{% endif %}{% endfor %}"), 1000);
        JsonObject call = Parse("""{"role":"assistant","content":null,"tool_calls":[{"id":"x","type":"function","function":{"name":"f","arguments":"{}"}}]}""");

        string text = codec.TextOf(encoder.Encode(Space, [User("hi"), call, Parse("""{"role":"tool","tool_call_id":"x","content":"done"}""")], Variables()).Ids);

        Assert.Equal("hi<f>done", text);
    }

    /// <summary>openai-python's messages have null for what they lack; published templates ask whether a message has "tool_calls".</summary>
    [Fact]
    public void WhatAMessageLacks_TheTemplateDoesNotSee()
    {
        ChatTemplate template = ChatTemplate.Parse("{% for m in messages %}{{ m.keys() | list | join(' ') }};{% endfor %}");
        JsonObject[] messages =
        [
            User("hi"),
            Parse("""{"role":"assistant","content":"x","refusal":null,"annotations":[],"tool_calls":null,"function_call":null,"audio":null}"""),
            Parse("""{"role":"assistant","content":"x","tool_calls":[]}"""),
        ];
        FakeCodec codec = new();

        int[] ids = new PromptEncoder(codec, template, 0).Encode(Space, messages, Variables()).Ids;

        Assert.Equal("role content;role content;role content;", codec.TextOf(ids));
    }

    /// <summary>As the templates of Hermes 2 want it; OpenAI's clients send the call's id alone.</summary>
    [Fact]
    public void ResultThatMustNameItsFunction_IsGivenTheName()
    {
        ChatTemplate template = ChatTemplate.Parse("{% for m in messages %}{% if m.role == 'tool' and m.name is undefined %}{{ raise_exception('no name') }}{% endif %}{% endfor %}");
        JsonObject[] messages =
        [
            User("hi"),
            Parse("""{"role":"assistant","content":null,"tool_calls":[{"id":"x","function":{"name":"f","arguments":"{}"}},{"id":"y","function":{"name":"g","arguments":"{}"}}]}"""),
            Parse("""{"role":"tool","tool_call_id":"y","content":"done"}"""),
            Parse("""{"role":"tool","tool_call_id":"x","content":"done","name":"own"}"""),
        ];

        JsonArray named = ChatMessages.ForTemplate(messages, new TemplateTraits(template));
        JsonArray plain = ChatMessages.ForTemplate(messages, new TemplateTraits(new FakeTemplate()));

        Assert.Equal(("g", "own"), ((string?)named[2]!["name"], (string?)named[3]!["name"]));
        Assert.False(plain[2]!.AsObject().ContainsKey("name"));
    }

    [Theory]
    [InlineData("{\"role\":\"assistant\",\"content\":null}", "")]
    [InlineData("{\"role\":\"assistant\"}", "")]
    [InlineData("{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[]}", "")]
    [InlineData("{\"role\":\"assistant\",\"content\":null,\"refusal\":\"No.\"}", "No.")]
    public void MessageWithoutContent_IsItsRefusalOrEmpty(string message, string content)
    {
        TemplateTraits traits = new(ChatTemplate.Parse("{{ messages[0].content }}"));

        Assert.Equal(content, (string?)ChatMessages.ForTemplate([Parse(message)], traits)[0]!["content"]);
    }

    [Fact]
    public void BundledTraits_AreKnown()
    {
        TemplateTraits traits = new(ChatTemplate.Load(BundledModel.Directory!));

        Assert.Equal("<|im_start|>assistant\n", traits.GenerationPrompt);
        Assert.True(traits.StringArguments);
        Assert.True(traits.TakesParts("user") && traits.TakesParts("tool") && !traits.TakesParts("system"));
        Assert.False(traits.KnowsDeveloper);
    }

    private static JsonObject Variables() => new() { ["tools"] = null, ["add_generation_prompt"] = true };

    private static JsonObject Variables(IEnumerable<JsonObject> messages)
    {
        JsonObject variables = Variables();
        variables["messages"] = new JsonArray([.. messages.Select(message => message.DeepClone())]);
        return variables;
    }

    private static JsonObject User(string content) => new() { ["role"] = "user", ["content"] = content };

    private static string Decoded(TokenizerCodec codec, IEnumerable<int> ids)
    {
        IStreamingDecoder decoder = codec.CreateDecoder();
        return string.Concat(ids.Select(decoder.Push)) + decoder.Flush();
    }

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();
}
