using System.CommandLine;
using System.Globalization;
using System.Net;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;

namespace Agentic.Proxy;

/// <summary>What the server was asked to be, checked.</summary>
internal sealed record ServeOptions
{
    internal static readonly Setting
        RedisSetting = new("redis", "HOST:PORT,…",
            "Redis or Valkey that keeps what was learned and shares it. Default: an embedded store in the data directory."),
        DataSetting = new("data", "DIR", "Where the server keeps its secret and its embedded store. Default: ~/.local/share/agentic."),
        ApiKeySetting = new("api-key", "[TENANT=]KEY",
            "Ask clients for this key; may be repeated. Nothing is shared between tenants. Default: none is asked.", many: true),
        TenantStoreSetting = new("tenant-store", "[TENANT=]SIZE",
            "What the store keeps of this tenant, or of each, by model; may be repeated. Default: 64MiB.", many: true),
        StoreAgeSetting = new("store-age", "TIME",
            "How long what was learned is kept, in the store and in memory, such as 30d or 12h. Default: 60d.");

    private static readonly Setting
        ModelSetting = new("model", "DIR", "A Hugging Face checkpoint directory. Default: the bundled model."),
        NameSetting = new("name", "NAME", "What clients call the model. Default: its directory's name."),
        HostSetting = new("host", "ADDRESS", "Address to listen on. Default: 127.0.0.1."),
        PortSetting = new("port", "PORT", "Port to listen on; 0 takes a free one. Default: 8000."),
        UrlsSetting = new("urls", "URLS", "Full addresses to listen on, separated by semicolons, instead of host and port."),
        AllowOriginSetting = new("allow-origin", "ORIGIN",
            "Let pages of this origin, such as http://localhost:3000, ask from a browser; * is every origin; may be repeated. "
                + "Default: none.", many: true),
        DeviceSetting = new("device", "cpu", "Where the model computes. Default: cpu."),
        DtypeSetting = new("dtype", "auto|f32|bf16",
            "What it computes in. f32: everything in float32. bf16: weights, KV cache and every operation's result in bfloat16; "
                + "half the memory. "
            + "Default: auto, weights as the checkpoint stores them, the rest in f32."),
        ThreadsSetting = new("threads", "N", "Threads that compute. Default: one a core."),
        MaxSequencesSetting = new("max-sequences", "N", "Sequences decoded at once. Default: 16."),
        DraftNodesSetting = new("draft-nodes", "N", "Most drafted tokens of one sequence and step; 0 decodes plainly and remembers nothing. Default: 32."),
        DraftSetting = new("draft", "DIR", "An EAGLE draft head of the model: SafeAILab, SpecForge or speculators. Default: none."),
        DraftOptionalSetting = new("draft-optional", "true|false",
            "Serve without the draft head where it cannot be used, instead of not at all. Default: false."),
        KvMemorySetting = new("kv-memory", "SIZE",
            "Memory of the KV cache, such as 2GiB. Default: four times what the sequences can fill, within a fifth of the machine's."),
        SuffixMemorySetting = new("suffix-memory", "SIZE", "Memory of the suffix cache. Default: 1GiB."),
        TenantMemorySetting = new("tenant-memory", "[TENANT=]SIZE",
            "Memory of the suffix cache that this tenant, or each, may hold; may be repeated. "
                + "Default: no bound but the cache's.", many: true),
        DraftFromSetting = new("draft-from", "[TENANT=]OWNER",
            "Draft this tenant's answers, or everybody's, also from what OWNER's requests left, read-only; may be repeated. "
            + "Whoever drafts from another can find out what that one has seen. Default: nobody does.", many: true),
        TenantMetricsSetting = new("tenant-metrics", "true|false", "Name tenants on /metrics. Default: false, they are only counted.");

    /// <summary>In the order in which help shows them.</summary>
    public static IReadOnlyList<Setting> Settings { get; } =
    [
        ModelSetting, NameSetting, HostSetting, PortSetting, UrlsSetting, RedisSetting, DataSetting, ApiKeySetting,
        AllowOriginSetting, DeviceSetting, DtypeSetting, ThreadsSetting, MaxSequencesSetting, DraftNodesSetting, DraftSetting,
        DraftOptionalSetting, KvMemorySetting, SuffixMemorySetting, TenantMemorySetting, TenantStoreSetting, StoreAgeSetting, DraftFromSetting, TenantMetricsSetting,
    ];

    /// <summary>Those that say where what was learned is kept.</summary>
    public static IReadOnlyList<Setting> StoreSettings { get; } = [RedisSetting, DataSetting];

    /// <summary>An existing directory.</summary>
    public required string ModelDirectory { get; init; }

    public required string ModelName { get; init; }

    /// <summary>Addresses to listen on, separated by semicolons.</summary>
    public required string Urls { get; init; }

    /// <summary>A StackExchange.Redis connection string, or null for the embedded store.</summary>
    public string? Redis { get; init; }

    public required string DataDirectory { get; init; }

    /// <summary><see cref="Redis"/> as it may be shown, without its password.</summary>
    public string? RedisName => NameOf(Redis);

    /// <summary>Where the embedded store keeps its files.</summary>
    public string StoreDirectory => StoreIn(DataDirectory);

    public ModelStorage Storage { get; init; }

    public int Threads { get; init; }

    public int MaxSequences { get; init; }

    public int DraftNodes { get; init; }

    /// <summary>Of a draft head, or null.</summary>
    public string? DraftDirectory { get; init; }

    /// <summary>Whether to do without a draft head that cannot be used.</summary>
    public bool DraftOptional { get; init; }

    /// <summary>Bytes, or null where the model says what is enough.</summary>
    public long? KvMemory { get; init; }

    /// <summary>Bytes.</summary>
    public long SuffixMemory { get; init; }

    /// <summary>Keys and whose they are.</summary>
    public required IReadOnlyDictionary<string, string> ApiKeys { get; init; }

    /// <summary>Of pages that may ask from a browser.</summary>
    public IReadOnlyList<string> AllowedOrigins { get; init; } = [];

    public TenantSizes TenantMemory { get; init; } = TenantSizes.None;

    public TenantSizes TenantStore { get; init; } = TenantSizes.None;

    /// <summary>Null where the store's own default is enough.</summary>
    public TimeSpan? StoreAge { get; init; }

    public IReadOnlyList<DraftGrant> DraftGrants { get; init; } = [];

    /// <summary>Whether /metrics may name tenants.</summary>
    public bool TenantMetrics { get; init; }

    /// <summary>Where the embedded store keeps its files in a data directory.</summary>
    public static string StoreIn(string dataDirectory) => Path.Combine(dataDirectory, "store");

    /// <summary>Lays the command line over the environment over the settings file.</summary>
    /// <exception cref="CommandException">A value cannot be used.</exception>
    public static ServeOptions Read(ParseResult parsed, IConfigurationManager configuration)
    {
        configuration.AddInMemoryCollection(
            Settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Given(parsed))).Where(pair => pair.Value is not null));
        foreach (IConfigurationSection key in configuration.GetSection(Setting.Section).GetChildren())
        {
            if (!Settings.Any(setting => setting.Key.Equals(key.Path, StringComparison.OrdinalIgnoreCase)))
                throw new CommandException($"{key.Path} in appsettings.json: no such setting; \"agentic serve --help\" lists them");
        }

        string? Value(Setting setting) => configuration[setting.Key] is { } value && !string.IsNullOrWhiteSpace(value)
            ? value.Trim() : null;
        string model = Path.GetFullPath(Value(ModelSetting) ?? BundledModel.Directory ?? throw new CommandException(
            $"model: the bundled model {BundledModel.Name} is not beside the server; name a checkpoint directory with --model"));
        if (!Directory.Exists(model))
            throw new CommandException($"model: '{model}' is not a directory; name a Hugging Face checkpoint directory");
        if (Value(DeviceSetting) is { } device && device != "cpu")
            throw new CommandException($"device: '{device}' is not one this version computes on; use cpu");

        string host = Value(HostSetting) ?? "127.0.0.1";
        int port = Number(PortSetting, Value(PortSetting), 8000, 0, 65535);
        return new ServeOptions
        {
            ModelDirectory = model,
            ModelName = Value(NameSetting) ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(model)),
            Urls = Addresses(Value(UrlsSetting) ?? $"http://{(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host)}:{port}"),
            Redis = Connection(Value(RedisSetting)),
            DataDirectory = Path.GetFullPath(Value(DataSetting) ?? DefaultDataDirectory()),
            Storage = (Value(DtypeSetting) ?? "auto") switch
            {
                "auto" => ModelStorage.Auto,
                "f32" => ModelStorage.Float32,
                "bf16" => ModelStorage.BFloat16,
                string other => throw new CommandException($"dtype: '{other}' is not known; use auto, f32 or bf16"),
            },
            Threads = Number(ThreadsSetting, Value(ThreadsSetting), Environment.ProcessorCount, 1, 1024),
            MaxSequences = Number(MaxSequencesSetting, Value(MaxSequencesSetting), 16, 1, 4096),
            DraftNodes = Number(DraftNodesSetting, Value(DraftNodesSetting), 32, 0, 1024),
            DraftDirectory = Value(DraftSetting) is { } draft ? Path.GetFullPath(draft) : null,
            DraftOptional = Flag(DraftOptionalSetting, Value(DraftOptionalSetting)),
            KvMemory = Size(KvMemorySetting, Value(KvMemorySetting)),
            SuffixMemory = Size(SuffixMemorySetting, Value(SuffixMemorySetting), TenantSettings.LeastSize) ?? 1L << 30,
            // A key that is given and empty is a variable that was not set, and no wish to ask for none.
            ApiKeys = TenantSettings.Keys(configuration[ApiKeySetting.Key]),
            AllowedOrigins = Origins(Value(AllowOriginSetting)),
            TenantMemory = TenantSettings.Sizes(TenantMemorySetting.Name, Value(TenantMemorySetting)),
            TenantStore = TenantSettings.Sizes(TenantStoreSetting.Name, Value(TenantStoreSetting)),
            StoreAge = Age(Value(StoreAgeSetting)),
            DraftGrants = TenantSettings.Grants(DraftFromSetting.Name, Value(DraftFromSetting)),
            TenantMetrics = Flag(TenantMetricsSetting, Value(TenantMetricsSetting)),
        };
    }

    internal static string DefaultDataDirectory() =>
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData,
            Environment.SpecialFolderOption.DoNotVerify) is { Length: > 0 } state
            ? Path.Combine(state, "agentic")
            : throw new CommandException("data: this user has no home directory; name a directory with --data");

    private static string Addresses(string urls)
    {
        foreach (string url in urls.Split(';', StringSplitOptions.TrimEntries))
        {
            BindingAddress address;
            if (!url.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
                throw new CommandException($"urls: '{url}' is no http:// address; write it so, with a proxy in front for https");
            try
            {
                address = BindingAddress.Parse(url);
            }
            catch (FormatException)
            {
                throw new CommandException($"urls: '{url}' cannot be listened on; write http://127.0.0.1:8000");
            }

            // Under any other name the server would listen on all addresses, whatever the name's own is.
            if (!address.IsUnixPipe && address.Host is not ("localhost" or "*" or "+") && !IPAddress.TryParse(address.Host, out _))
                throw new CommandException($"host: '{address.Host}' is neither an IP address nor localhost; use 0.0.0.0 for all addresses");
        }

        return urls;
    }

    private static string[] Origins(string? value)
    {
        string[] origins = value?.Split(',', StringSplitOptions.TrimEntries) ?? [];
        string? wrong = origins.FirstOrDefault(origin =>
            origin != "*" && !(Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) && uri.GetLeftPart(UriPartial.Authority) == origin));
        return wrong is null
            ? origins
            : throw new CommandException($"allow-origin: '{wrong}' is no origin; write it as http://localhost:3000, without a path, or *");
    }

    internal static string? Connection(string? redis) =>
        redis is not null && new SequenceStoreOptions { Redis = redis }.Validate() is string problem
            ? throw new CommandException($"redis: '{string.Join(',', redis.Split(',').Where(part => !part.Contains('=', StringComparison.Ordinal)))}': {problem}")
            : redis;

    internal static string? NameOf(string? redis) => redis is null ? null : new SequenceStoreOptions { Redis = redis }.Name;

    internal static TimeSpan? Age(string? value) =>
        value is null ? null
        : Duration.Parse(value) is TimeSpan age && age >= SequenceStoreOptions.LeastAge && age <= SequenceStoreOptions.MostAge ? age
        : throw new CommandException($"{StoreAgeSetting.Name}: '{value}' is not a time from a minute to ten years; write it as 30d, 12h or 90m");

    private static int Number(Setting setting, string? value, int otherwise, int least, int most) =>
        value is null ? otherwise
        : int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most ? number
        : throw new CommandException($"{setting.Name}: '{value}' is not a number from {least} to {most}");

    private static bool Flag(Setting setting, string? value) => value switch
    {
        null or "false" => false,
        "true" => true,
        string other => throw new CommandException($"{setting.Name}: '{other}' is neither true nor false"),
    };

    private static long? Size(Setting setting, string? value, long least = 1) =>
        value is null ? null
        : ByteSize.Parse(value) is not long bytes || bytes <= 0
            ? throw new CommandException($"{setting.Name}: '{value}' is not an amount of memory; write it as 512MiB or 2GiB")
        : bytes < least ? throw new CommandException($"{setting.Name}: '{value}' could not be kept to; give at least {ByteSize.Format(least)}")
        : bytes;
}
