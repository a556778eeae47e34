using System.CommandLine;
using Agentic.Proxy;

var root = new RootCommand(
    """
    An OpenAI-compatible server that makes agents faster: it drafts the next tokens from what it has seen, and the model checks them.
    Without a command it serves: "agentic --port 9000" is "agentic serve --port 9000".
    """)
{
    ServeCommand.Create(),
    ReplayCommand.Create(),
    CacheCommand.Create(),
    TokenizeCommand.Create(),
    BenchCommand.Create(),
    LogitsCommand.Create(),
    TrainDraftCommand.Create(),
    DoctorCommand.Create(),
};

return await CommandRunner.RunAsync(root, args);
