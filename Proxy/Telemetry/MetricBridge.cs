using System.Diagnostics.Metrics;
using System.Globalization;
using Prometheus;

namespace Agentic.Proxy;

/// <summary>One instrument's way into a Prometheus metric of the same kind.</summary>
internal sealed class MetricBridge(MetricFactory factory, string prefix, Instrument instrument, ILogger logger)
{
    private readonly Lock _lock = new();
    private string[]? _labels;
    private Action<double, string[]>? _record;

    /// <summary>Takes a measurement.</summary>
    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (_record is null)
            Create(tags);
        string[] values = new string[_labels!.Length];
        for (int i = 0; i < values.Length; i++)
            values[i] = ValueOf(tags, _labels[i]);
        _record!(value, values);
    }

    private void Create(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        lock (_lock)
        {
            if (_record is not null)
                return;
            string name = prefix + Clean(instrument.Name), help = instrument.Description ?? "";
            List<string> labels = [];
            foreach (KeyValuePair<string, object?> tag in tags)
                labels.Add(tag.Key);
            _labels = [.. labels];
            string[] clean = [.. labels.Select(Clean)];
            _record = Into(name, help, clean);
        }
    }

    /// <summary>The metric's own way of recording; none for an instrument that would share its name with another of other labels.</summary>
    private Action<double, string[]> Into(string name, string help, string[] clean)
    {
        try
        {
            Type kind = instrument.GetType().GetGenericTypeDefinition();
            return kind == typeof(Counter<>) ? Counting(factory.CreateCounter(Total(name), help, clean))
                : kind == typeof(ObservableCounter<>) ? CountingTo(factory.CreateCounter(Total(name), help, clean))
                : kind == typeof(Histogram<>) ? Observing(factory.CreateHistogram(Seconds(name), help, clean,
                    new HistogramConfiguration { Buckets = Buckets() }))
                : kind == typeof(UpDownCounter<>) ? Adding(factory.CreateGauge(name, help, clean))
                : Setting(factory.CreateGauge(name, help, clean));
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            Log.MetricRefused(logger, name, exception.Message);   // thrown on, it would end the request that was being measured
            return (_, _) => { };
        }
    }

    private static Action<double, string[]> Counting(Counter counter) => (value, labels) => counter.WithLabels(labels).Inc(value);

    private static Action<double, string[]> CountingTo(Counter counter) => (value, labels) => counter.WithLabels(labels).IncTo(value);

    private static Action<double, string[]> Observing(Histogram histogram) => (value, labels) =>
        histogram.WithLabels(labels).Observe(value);

    private static Action<double, string[]> Adding(Gauge gauge) => (value, labels) => gauge.WithLabels(labels).Inc(value);

    private static Action<double, string[]> Setting(Gauge gauge) => (value, labels) => gauge.WithLabels(labels).Set(value);

    /// <summary>The instrument's own advice, or powers and halves over what its unit suggests.</summary>
    private double[] Buckets()
    {
        if (instrument is Histogram<double> { Advice.HistogramBucketBoundaries: { Count: > 0 } doubles })
            return [.. doubles];
        if (instrument is Histogram<long> { Advice.HistogramBucketBoundaries: { Count: > 0 } longs })
            return [.. longs.Select(bound => (double)bound)];
        return IsSeconds
            ? [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
            : [1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512, 1024, 4096, 16384, 65536];
    }

    private bool IsSeconds => instrument.Unit == "s" || instrument.Name.EndsWith("seconds", StringComparison.Ordinal);

    private string Seconds(string name) => IsSeconds && !name.EndsWith("seconds", StringComparison.Ordinal) ? name + "_seconds" : name;

    private static string Total(string name) => name.EndsWith("_total", StringComparison.Ordinal) ? name : name + "_total";

    private static string Clean(string name) => name.Replace('.', '_').Replace('-', '_');

    private static string ValueOf(ReadOnlySpan<KeyValuePair<string, object?>> tags, string label)
    {
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            if (tag.Key == label)
                return Convert.ToString(tag.Value, CultureInfo.InvariantCulture) ?? "";
        }

        return "";
    }
}
