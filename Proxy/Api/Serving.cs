using System.Globalization;
using System.Text.Json.Nodes;
using Agentic.ModelRuntime;
using Agentic.SuffixCache;
using Microsoft.Extensions.Options;

namespace Agentic.Proxy;

/// <summary>What both completion endpoints do alike, before and after their own.</summary>
internal sealed class Serving(
    ServedModel model, Tenants tenants, IOptions<ProxyOptions> options, TimeProvider time, IHostApplicationLifetime lifetime,
    ILogger<Serving> logger)
{
    private const string SpeculationHeader = "X-Agentic-Speculation";

    public ServedModel Model { get; } = model;

    public ProxyOptions Options { get; } = options.Value;

    public string Fingerprint { get; } = Wire.FingerprintOf(model);

    public long UnixTime => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Whose request it is. While the server stops, running requests finish and new ones are sent elsewhere.</summary>
    public NamespaceKey Authorize(HttpContext context)
    {
        NamespaceKey space = tenants.Authorize(context.Request);
        return lifetime.ApplicationStopping.IsCancellationRequested
            ? throw ApiException.Server("The server is shutting down.", StatusCodes.Status503ServiceUnavailable)
            : space;
    }

    /// <summary>The request's JSON, if it names a model that is served here.</summary>
    public async Task<JsonObject> ReadBodyAsync(HttpContext context)
    {
        JsonObject body = await RequestBody.ReadAsync(context, Options.MaxRequestBytes);
        CheckName(new Fields(body).RequiredString("model"));
        return body;
    }

    /// <exception cref="ApiException">404: that is neither the model nor an alias of it.</exception>
    public void CheckName(string name)
    {
        if (name != Model.Name && !Options.ModelAliases.Contains(name))
            throw ApiException.UnknownModel(name);
    }

    /// <summary>Tokens the context has left after a prompt.</summary>
    /// <exception cref="ApiException">400: they are fewer than <paramref name="least"/>.</exception>
    public int RoomAfter(int promptTokens, string param, int least = 1) =>
        Model.MaxContextTokens - promptTokens is var room && room >= least
            ? room
            : throw ApiException.TooLong(Model.MaxContextTokens, promptTokens, param);

    public Generation Submit(GenerationRequest request, string param)
    {
        try
        {
            return Model.Engine.Submit(request);
        }
        catch (ArgumentException exception)   // what only the engine can tell, such as that its KV pool is too small
        {
            throw ApiException.Invalid(exception.Message, param, "context_length_exceeded");
        }
    }

    /// <summary>Runs a streamed answer. A failure after its first event is told in the stream, since the status has left.</summary>
    public async Task StreamAsync(HttpContext context, EventStream stream, Func<Task> write)
    {
        try
        {
            await write();
        }
        catch (Exception exception) when (stream.HasBegun && !context.RequestAborted.IsCancellationRequested)
        {
            Log.StreamFailed(logger, context.TraceIdentifier, exception);
            stream.Write(new ErrorResponse(Errors.Explain(exception).Error), WireJson.Wire.ErrorResponse);
        }

        await stream.FlushAsync(context.RequestAborted);
    }

    public static bool WantsSpeculation(HttpContext context, SamplingRequest request) =>
        request.Speculation?.Enabled
            ?? !context.Request.Headers[SpeculationHeader].ToString().Equals("off", StringComparison.OrdinalIgnoreCase);

    /// <summary>Says in headers, where no strict client looks, what speculation did for this request.</summary>
    public static void ReportSpeculation(HttpContext context, IReadOnlyCollection<Generation> generations)
    {
        Report("x-agentic-decode-steps", statistics => statistics.DecodeSteps);
        Report("x-agentic-drafted-tokens", statistics => statistics.DraftedTokens);
        Report("x-agentic-accepted-tokens", statistics => statistics.AcceptedTokens);

        void Report(string header, Func<GenerationStatistics, int> figure) =>
            context.Response.Headers[header] =
                generations.Sum(generation => figure(generation.Statistics)).ToString(CultureInfo.InvariantCulture);
    }
}
