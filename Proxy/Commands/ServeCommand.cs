using System.CommandLine;
using System.Net.Sockets;
using Agentic.Kernels;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;
using Microsoft.AspNetCore.Connections;

namespace Agentic.Proxy;

/// <summary><c>agentic serve</c>, the default: loads the model and answers until it is told to stop.</summary>
internal static class ServeCommand
{
    /// <summary>How long running requests may go on once the server is told to stop.</summary>
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(30);

    public static Command Create()
    {
        var command = new Command(
            "serve", "Serves the model to OpenAI clients. Options are also AGENTIC_… in the environment and keys of appsettings.json.");
        foreach (Setting setting in ServeOptions.Settings)
            command.Add(setting.Option);
        command.SetAction((parsed, _) => RunAsync(parsed));
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
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        ServeOptions options = ServeOptions.Read(parsed, builder.Configuration);
        using ILoggerFactory loggers = LoggerFactory.Create(logging => logging
            .AddConfiguration(builder.Configuration.GetSection("Logging"))
            .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical)   // a failed start is one line, without a trace
            .AddSimpleConsole(console => (console.SingleLine, console.TimestampFormat) = (true, "HH:mm:ss ")));
        ILogger logger = loggers.CreateLogger("agentic");

        // What is made first is disposed last: requests end, then the engine; what it learned goes to the store, which writes it down.
        byte[] secret = ServerSecret.Load(options.DataDirectory);
        using var kernels = new CpuKernels(options.Threads);
        using Transformer model = Transformer.Load(options.ModelDirectory, new ModelOptions(options.Storage), kernels);
        EngineOptions limits = Limits(options, model);
        model.AllocateKv(limits.KvBlocks);
        Log.ModelLoaded(logger, options.ModelName, options.Storage, model.VocabularySize, model.MaxPositions, options.ModelDirectory);
        Log.KvAllocated(logger, limits.KvBlocks, model.BlockSize, ByteSize.Format(limits.KvBlocks * model.KvBytesPerBlock));

        using DraftHead? head = OpenHead(options, model, kernels, logger);

        using EmbeddedGarnet? embedded = options.Redis is null ? OpenEmbedded(options.StoreDirectory) : null;
        var quotas = new StoreQuotas(options.TenantStore, options.StoreAge, secret);
        await using var store = new RedisSequenceStore(
            quotas.Apply(new SequenceStoreOptions { Redis = options.Redis ?? embedded!.ConnectionString }),
            loggers.CreateLogger<RedisSequenceStore>());
        Log.StoreOpened(logger, options.RedisName ?? $"embedded, in {options.StoreDirectory}");
        using var history = new SuffixHistory(model.VocabularySize, options.SuffixMemory, store) { Retention = options.StoreAge };
        using var metrics = new RuntimeMetrics();
        using var storeMetrics = new StoreMetrics(store);
        await using InferenceEngine engine = InferenceEngine.Create(model, limits, history, metrics, TimeProvider.System, logger, head: head);
        int context = Math.Min(model.MaxPositions, engine.Capacity);
        ServedModel served = ModelDirectory.Open(options.ModelDirectory, options.ModelName, model.Fingerprint, context, engine);

        builder.WebHost.UseUrls(options.Urls);
        builder.Services.AddSingleton(loggers);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = ShutdownTimeout);
        builder.Services.AddSingleton<Draining>().AddHostedService(services => services.GetRequiredService<Draining>());
        builder.Services.AddProxy(_ => served, proxy =>
        {
            proxy.Secret = secret;
            foreach ((string key, string tenant) in options.ApiKeys)
                proxy.ApiKeys.Add(key, tenant);
            foreach (string origin in options.AllowedOrigins)
                proxy.AllowedOrigins.Add(origin);
            (proxy.TenantMemory, proxy.TenantStore) = (options.TenantMemory, options.TenantStore);
            foreach (DraftGrant grant in options.DraftGrants)
                proxy.DraftGrants.Add(grant);
        });
        await using WebApplication app = builder.Build();
        app.Use(app.Services.GetRequiredService<Draining>().CountAsync);
        app.MapProxy();
        Tenants tenants = app.Services.GetRequiredService<Tenants>();
        history.Rules = tenants.Rules;
        quotas.Add(tenants.Namespaces);
        history.Erased += app.Services.GetRequiredService<ChatCompletions>().Forget;
        using var cacheMetrics = new CacheMetrics(history, options.TenantMetrics ? tenants.NameOf : null);

        // It listens while it warms up, to say so; what is asked before that waits for the engine.
        var replay = new SequenceReplay(store, history, TimeProvider.System, logger);
        app.Services.GetRequiredService<Readiness>().Progress = () => replay.Progress;
        await ListenAsync(app, options.Urls);
        foreach (string url in app.Urls)
            Log.Listening(logger, url);
        Task following = await replay.StartAsync(tenants.Namespaces, app.Lifetime.ApplicationStopping);
        engine.Start();
        await app.WaitForShutdownAsync();
        await following;
        await replay.KeepLearnedAsync();
        return 0;
    }

    private static DraftHead? OpenHead(ServeOptions options, Transformer model, CpuKernels kernels, ILogger logger)
    {
        if (options.DraftDirectory is not string directory)
            return null;
        try
        {
            DraftHead head = DraftHeads.Open(directory, options.ModelDirectory, model, kernels);
            DraftCheck check = head.LastCheck!;
            Log.HeadLoaded(logger, head.DraftVocabularySize, string.Join(", ", head.Boundaries), check.Acceptance, check.Tokens, directory);
            if (check.Acceptance < DraftCheck.Healthy)
                Log.HeadIsWeak(logger, check.Acceptance, DraftCheck.Healthy);
            return head;
        }
        catch (ModelLoadException e) when (options.DraftOptional)
        {
            Log.HeadRefused(logger, e.Message);
            return null;
        }
    }

    private static async Task ListenAsync(WebApplication app, string urls)
    {
        try
        {
            await app.StartAsync();
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            string why = e.InnerException is AddressInUseException ? "something else listens there" : e.Message.TrimEnd('.');
            throw new CommandException($"cannot listen on {urls}: {why}; choose another --port or --host");
        }
    }

    private static EmbeddedGarnet OpenEmbedded(string directory)
    {
        try
        {
            return EmbeddedGarnet.Start(directory);
        }
        catch (InvalidOperationException e)
        {
            throw new CommandException($"data: {e.Message}");
        }
    }

    private static EngineOptions Limits(ServeOptions options, Transformer model)
    {
        // Finished turns keep their blocks for the next turn: four times what runs at once is room for many agents, and more helps few.
        long sequenceBlocks = (model.MaxPositions + model.BlockSize - 1) / model.BlockSize,
            enough = 4 * sequenceBlocks * options.MaxSequences;
        long share = Math.Min(8L << 30, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 5);
        long blocks = options.KvMemory is long bytes ? bytes / model.KvBytesPerBlock : Math.Min(enough, share / model.KvBytesPerBlock);
        if (blocks < 2)
            throw new CommandException($"kv-memory: too little for two blocks of {ByteSize.Format(model.KvBytesPerBlock)}; give more");
        return new EngineOptions
        {
            KvBlocks = (int)Math.Min(blocks, int.MaxValue / model.BlockSize),
            MaxSequences = options.MaxSequences,
            MaxDraftNodes = options.DraftNodes,
        };
    }
}
