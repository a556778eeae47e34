using System.Text.Json.Nodes;
using Agentic.Proxy;

namespace Agentic.Tests;

public sealed class ChatTemplateTests : IDisposable
{
    private readonly string _model = Directory.CreateTempSubdirectory("agentic-template").FullName;

    public void Dispose() => Directory.Delete(_model, recursive: true);

    [Fact]
    public void TemplateFile_IsGivenTheSpecialTokens()
    {
        Write("chat_template.jinja", "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ pad_token is defined }}{{ image_token }}\n");
        Write("tokenizer_config.json", """
            {"bos_token": {"__type": "AddedToken", "content": "<s>"}, "eos_token": "</s>", "pad_token": null,
             "extra_special_tokens": {"image_token": "<img>"}, "chat_template": "not this"}
            """);
        Assert.Equal("<s>hi</s>False<img>", ChatTemplate.Load(_model).Render(Hello()));
    }

    [Fact]
    public void Variables_WinOverSpecialTokens()
    {
        ChatTemplate template = ChatTemplate.Parse("{{ bos_token }}{{ enable_thinking }}", new JsonObject { ["bos_token"] = "<s>" });
        Assert.Equal("<x>False", template.Render(new JsonObject { ["bos_token"] = "<x>", ["enable_thinking"] = false }));
    }

    [Fact]
    public void TemplateInTokenizerConfig_IsFound()
    {
        Write("tokenizer_config.json", """{"chat_template": "{{ messages[0].role }}"}""");
        Assert.Equal("user", ChatTemplate.Load(_model).Render(Hello()));
    }

    [Fact]
    public void SeveralTemplates_AreChosenByNameOrTools()
    {
        Write("tokenizer_config.json", """
            {"chat_template": [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "tools"}, {"name": "rag", "template": "rag"}]}
            """);
        ChatTemplate template = ChatTemplate.Load(_model);
        JsonObject withTools = Hello();
        withTools["tools"] = new JsonArray(new JsonObject());
        JsonObject withNull = Hello();
        withNull["tools"] = null;
        Assert.Equal("plain", template.Render(Hello()));
        Assert.Equal("plain", template.Render(withNull));
        Assert.Equal("tools", template.Render(withTools));
        Assert.Equal("rag", template.Render(withTools, "rag"));
        Assert.Contains("rag", Assert.Throws<ChatTemplateException>(() => template.Render(Hello(), "none")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void AdditionalTemplates_AreNamedByTheirFiles()
    {
        Write("chat_template.jinja", "plain");
        Directory.CreateDirectory(Path.Combine(_model, "additional_chat_templates"));
        Write(Path.Combine("additional_chat_templates", "tool_use.jinja"), "tools");
        Assert.Equal(["default", "tool_use"], ChatTemplate.Load(_model).Names.Order());
    }

    [Fact]
    public void OldTemplateFile_IsRead()
    {
        Write("chat_template.json", """{"chat_template": "old"}""");
        Assert.Equal("old", ChatTemplate.Load(_model).Render(Hello()));
    }

    [Fact]
    public void ModelWithoutTemplate_SaysWhatToDo()
    {
        Write("tokenizer_config.json", """{"bos_token": "<s>"}""");
        string message = Assert.Throws<ChatTemplateException>(() => ChatTemplate.Load(_model)).Message;
        Assert.Contains(_model, message, StringComparison.Ordinal);
        Assert.Contains("chat_template.jinja", message, StringComparison.Ordinal);
    }

    [Fact]
    public void UnreadableTemplate_NamesFileAndLine()
    {
        Write("chat_template.jinja", "a\n{% if %}");
        string message = Assert.Throws<ChatTemplateException>(() => ChatTemplate.Load(_model)).Message;
        Assert.Contains(Path.Combine(_model, "chat_template.jinja"), message, StringComparison.Ordinal);
        Assert.Contains("line 2", message, StringComparison.Ordinal);
        Write("tokenizer_config.json", "{");
        Assert.Contains("tokenizer_config.json", Assert.Throws<ChatTemplateException>(() => ChatTemplate.Load(_model)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void BundledModel_HasATemplate()
    {
        ChatTemplate template = ChatTemplate.Load(BundledModel.Directory!);
        JsonObject variables = Hello();
        variables["add_generation_prompt"] = true;
        Assert.Contains("hi", template.Render(variables), StringComparison.Ordinal);
    }

    private static JsonObject Hello() => new() { ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "hi" }) };

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_model, name), text);
}
