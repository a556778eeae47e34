using System.Security.Cryptography;
using System.Text;

namespace Agentic.ModelRuntime;

/// <summary>Identity of a model's weights: the same on every machine and after every restart, another for every other model.</summary>
/// <remarks>Takes the configuration, and name, type, shape and four stretches of 512 bytes of each tensor: training touches all of a tensor, so that
/// reading 1 MB of a 16 GB checkpoint tells it from its relatives.</remarks>
internal static unsafe class ModelFingerprint
{
    private const int Stretches = 4, StretchBytes = 512;

    /// <summary>32 hex digits.</summary>
    public static string Compute(ModelConfig config, Checkpoint checkpoint)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        ExpertConfig? experts = config.Experts;
        Append(hash, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{config with { SlidingWindows = [], EosTokenIds = [], Experts = null }}"));
        Append(hash, string.Join(' ', config.SlidingWindows));
        if (experts is not null)
            Append(hash, $"{experts.PerToken} {experts.Normalize} {experts.SparseStep} {string.Join(' ', experts.DenseLayers)}");
        foreach (string name in checkpoint.Names)
        {
            if (!checkpoint.IsWeight(name))
                continue;
            Weight tensor = checkpoint.Stored(name);
            Append(hash, $"{name} {tensor.Type} {Weight.Describe(tensor.Shape)}");
            byte* data = (byte*)tensor.Data;
            if (tensor.Bytes <= Stretches * StretchBytes)
            {
                hash.AppendData(new ReadOnlySpan<byte>(data, (int)tensor.Bytes));
                continue;
            }

            for (int i = 0; i < Stretches; i++)
                hash.AppendData(new ReadOnlySpan<byte>(data + ((tensor.Bytes - StretchBytes) / (Stretches - 1) * i), StretchBytes));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }

    private static void Append(IncrementalHash hash, string text)
    {
        hash.AppendData(Encoding.UTF8.GetBytes(text));
        hash.AppendData([0]);
    }
}
