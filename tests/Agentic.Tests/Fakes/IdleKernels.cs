using Agentic.Kernels;

namespace Agentic.Tests;

/// <summary>Kernels that compute nothing: what remains of a step is the model's own work.</summary>
internal sealed class IdleKernels : IKernels
{
    public void Embed(in EmbedArgs args)
    {
    }

    public void Linear(in LinearArgs args)
    {
    }

    public void AddRmsNorm(in AddRmsNormArgs args)
    {
    }

    public void RopeWriteKv(in RopeWriteKvArgs args)
    {
    }

    public void TreeAttention(in TreeAttentionArgs args)
    {
    }

    public void SiluMul(in SiluMulArgs args)
    {
    }

    public void CommitKv(in CommitKvArgs args)
    {
    }

    public void RouteExperts(in RouteExpertsArgs args)
    {
    }

    public void GatherRows(in GatherRowsArgs args)
    {
    }

    public void ScatterAddRows(in ScatterAddRowsArgs args)
    {
    }

    public void Dispose()
    {
    }
}
