using System.CommandLine;

namespace Agentic.Proxy;

/// <summary><c>agentic serve</c>, the default: loads the model and answers until it is told to stop.</summary>
internal static class ServeCommand
{
    public static Command Create()
    {
        var command = new Command("serve", "Serves the model to OpenAI clients. Every option is also AGENTIC_… in the environment and a key of appsettings.json.");
        foreach (Setting setting in ServeOptions.Settings)
            command.Add(setting.Option);
        command.SetAction((parsed, cancellation) => RunAsync(parsed));
        return command;
    }

    /// <summary>The settings file beside the executable.</summary>
    public static ConfigurationManager Configuration()
    {
        var configuration = new ConfigurationManager();
        configuration.SetBasePath(AppContext.BaseDirectory).AddJsonFile("appsettings.json", optional: true);
        return configuration;
    }

    private static async Task<int> RunAsync(ParseResult parsed)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        ServeOptions options = ServeOptions.Read(parsed, builder.Configuration);
        builder.WebHost.UseUrls(options.Urls);
        await using WebApplication app = builder.Build();
        await app.RunAsync();
        return 0;
    }
}
