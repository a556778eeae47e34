using System.Runtime.InteropServices;

namespace Agentic.ModelRuntime;

/// <summary>Cosines and sines of every position, [positions, head dim / 2, 2] float32, made as far as positions were asked for.</summary>
/// <remarks>Frequencies and angles are rounded to float32 after each operation as the reference library's are: at position 100,000 an angle
/// computed in double is 0.003 off from what the model was trained and is compared with.</remarks>
internal sealed unsafe class RopeTable : IDisposable
{
    private readonly float[] _inverseFrequencies;
    private readonly float _scale;
    private NativeArray<float> _values = new();
    private int _positions;

    public RopeTable(RopeConfig config, int headDim)
    {
        _inverseFrequencies = InverseFrequencies(config, headDim);
        _scale = (float)config.AttentionFactor;
    }

    /// <summary>The table, covering at least positions 0 … <paramref name="positions"/> − 1. Valid until the next call.</summary>
    public float* Covering(int positions)
    {
        if (positions > _positions)
            Extend(Math.Max(positions, Math.Max(1024, _positions * 2)));
        return _values.Data;
    }

    public void Dispose() => _values.Dispose();

    private void Extend(int positions)
    {
        int half = _inverseFrequencies.Length;
        NativeArray<float> values = new((long)positions * half * 2);
        NativeMemory.Copy(_values.Data, values.Data, (nuint)((long)_positions * half * 2 * sizeof(float)));
        float* next = values.Data + ((long)_positions * half * 2);
        for (int position = _positions; position < positions; position++)
        {
            foreach (float frequency in _inverseFrequencies)
            {
                double angle = (float)(frequency * (float)position);
                *next++ = (float)Math.Cos(angle) * _scale;
                *next++ = (float)Math.Sin(angle) * _scale;
            }
        }

        _values.Dispose();
        _values = values;
        _positions = positions;
    }

    /// <summary>[head dim / 2] radians a position.</summary>
    internal static float[] InverseFrequencies(RopeConfig config, int headDim)
    {
        float[] periods = new float[headDim / 2], result = new float[headDim / 2];
        for (int i = 0; i < result.Length; i++)
        {
            periods[i] = (float)Math.Pow((float)config.Theta, 2 * i / (float)headDim);
            result[i] = 1 / periods[i];
        }

        switch (config.Scaling)
        {
            case RopeScaling.Linear:
                for (int i = 0; i < result.Length; i++)
                    result[i] /= (float)config.Factor;
                break;
            case RopeScaling.Llama3:
                ScaleLlama3(config, result);
                break;
            case RopeScaling.Yarn:
                ScaleYarn(config, headDim, periods, result);
                break;
        }

        return result;
    }

    private static void ScaleLlama3(RopeConfig config, float[] frequencies)
    {
        float low = (float)config.LowFrequencyFactor, high = (float)config.HighFrequencyFactor, factor = (float)config.Factor;
        for (int i = 0; i < frequencies.Length; i++)
        {
            float frequency = frequencies[i], wavelength = 1 / frequency * (float)(2 * Math.PI);
            if (wavelength > config.OriginalPositions / config.LowFrequencyFactor)
            {
                frequencies[i] = frequency / factor;
            }
            else if (wavelength >= config.OriginalPositions / config.HighFrequencyFactor)
            {
                float smooth = ((1 / wavelength * config.OriginalPositions) - low) / (high - low);
                frequencies[i] = ((1 - smooth) * frequency / factor) + (smooth * frequency);
            }
        }
    }

    private static void ScaleYarn(RopeConfig config, int headDim, float[] periods, float[] frequencies)
    {
        double low = DimensionOf(config.BetaFast), high = DimensionOf(config.BetaSlow);
        if (config.Truncate)
            (low, high) = (Math.Floor(low), Math.Ceiling(high));
        (low, high) = (Math.Max(low, 0), Math.Min(high, headDim - 1));
        if (low == high)
            high += 0.001;
        for (int i = 0; i < frequencies.Length; i++)
        {
            float ramp = Math.Clamp((i - (float)low) / (float)(high - low), 0, 1), kept = 1 - ramp;
            frequencies[i] = (1 / ((float)config.Factor * periods[i]) * (1 - kept)) + (frequencies[i] * kept);
        }

        // The dimension that turns this many times within the trained length.
        double DimensionOf(double rotations) =>
            headDim * Math.Log(config.OriginalPositions / (rotations * 2 * Math.PI)) / (2 * Math.Log(config.Theta));
    }
}
