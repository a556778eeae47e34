using System.Diagnostics.Metrics;
using System.Text;
using System.Text.RegularExpressions;
using Prometheus;

namespace Agentic.Proxy;

/// <summary>Shows what the server's meters measure on <c>/metrics</c>, as <c>agentic:NAME</c>, in Prometheus' text format.</summary>
/// <remarks>
/// The names are the instruments' own, dots written as underscores, so that dashboards made for vLLM need only another prefix; a
/// counter ends in <c>_total</c>. A metric's labels are those of its first measurement, and model_name.
/// </remarks>
internal sealed partial class MeterExporter : IDisposable
{
    private const string Prefix = "agentic:";
    // prometheus-net refuses the colon that Prometheus allows, so it is put in afterwards
    private const string LibraryPrefix = "agentic_";
    private static readonly HashSet<string> Meters =
        ["Agentic.ModelRuntime", "Agentic.SuffixCache", "Agentic.Proxy", "Microsoft.AspNetCore.Hosting",
        "Microsoft.AspNetCore.Server.Kestrel"];

    private readonly CollectorRegistry _registry = Metrics.NewCustomRegistry();
    private readonly MetricFactory _factory;
    private readonly MeterListener _listener = new();

    public MeterExporter(ServedModel model, IMeterFactory meters, ILogger<MeterExporter> logger)
    {
        _registry.SetStaticLabels(new Dictionary<string, string> { ["model_name"] = model.Name });
        _factory = Metrics.WithCustomRegistry(_registry);
        _registry.AddBeforeCollectCallback(_listener.RecordObservableInstruments);
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            // Another application in the same process has its own factory, and its own page.
            bool isOurs = instrument.Meter.Scope is not IMeterFactory factory || ReferenceEquals(factory, meters);
            if (isOurs && Meters.Contains(instrument.Meter.Name))
                listener.EnableMeasurementEvents(instrument, new MetricBridge(_factory, LibraryPrefix, instrument, logger));
        };
        Listen<byte>();
        Listen<short>();
        Listen<int>();
        Listen<long>();
        Listen<float>();
        Listen<double>();
        Listen<decimal>();
    }

    /// <summary>From here on measurements are counted.</summary>
    public void Start() => _listener.Start();

    /// <summary>Answers a scrape.</summary>
    public async Task WriteAsync(HttpContext context)
    {
        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        using MemoryStream text = new();
        await _registry.CollectAndExportAsTextAsync(text, context.RequestAborted);
        await context.Response.WriteAsync(
            Name().Replace(Encoding.UTF8.GetString(text.GetBuffer().AsSpan(0, (int)text.Length)), Prefix), context.RequestAborted);
    }

    /// <inheritdoc/>
    public void Dispose() => _listener.Dispose();

    [GeneratedRegex("(?<=^|^# HELP |^# TYPE )" + LibraryPrefix, RegexOptions.Multiline)]
    private static partial Regex Name();

    private void Listen<T>()
        where T : struct, IConvertible =>
        _listener.SetMeasurementEventCallback<T>((_, value, tags, state) =>
            ((MetricBridge)state!).Record(value.ToDouble(System.Globalization.CultureInfo.InvariantCulture), tags));
}
