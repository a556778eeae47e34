using TorchSharp;
using static Agentic.ModelRuntime.TorchScalars;
using static TorchSharp.torch;

namespace Agentic.ModelRuntime;

/// <summary>Adam with clipped gradients and no weight decay, whose state is tensors by name: saved, and read back bit for bit.</summary>
/// <remarks>arXiv 1412.6980 with EAGLE's β = (0.9, 0.95) and clipping at 0.5.</remarks>
internal sealed class Adam : IDisposable
{
    private const double Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8, MostGradient = 0.5;
    private readonly IReadOnlyDictionary<string, Tensor> _parameters;

    public Adam(IReadOnlyDictionary<string, Tensor> parameters)
    {
        _parameters = parameters;
        foreach ((string name, Tensor parameter) in parameters)
        {
            State["adam.mean." + name] = zeros_like(parameter, requires_grad: false);
            State["adam.square." + name] = zeros_like(parameter, requires_grad: false);
        }
    }

    /// <summary>Running means of gradients and of their squares.</summary>
    public SortedDictionary<string, Tensor> State { get; } = new(StringComparer.Ordinal);

    /// <summary>Takes the step of this number, from 1, and forgets the gradients.</summary>
    public void Step(int number, double learningRate)
    {
        using IDisposable guard = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor[] gradients = [.. _parameters.Values.Select(parameter => parameter.grad!)];
        double norm = Math.Sqrt(gradients.Sum(gradient => gradient.square().sum().item<float>()));
        double shrink = norm > MostGradient ? MostGradient / norm : 1;
        double correction1 = 1 - Math.Pow(Beta1, number), correction2 = 1 - Math.Pow(Beta2, number);
        foreach ((string name, Tensor parameter) in _parameters)
        {
            Tensor gradient = Holding(shrink, by => parameter.grad!.mul_(by)), mean = State["adam.mean." + name], square = State["adam.square." + name];
            Holding(Beta1, mean.mul_);
            Holding(1 - Beta1, share => mean.add_(gradient, alpha: share));
            Holding(Beta2, square.mul_);
            Holding(1 - Beta2, share => square.addcmul_(gradient, gradient, value: share));
            Tensor deviation = Holding(correction2, by => square / by).sqrt_();
            Holding(Epsilon, least => deviation.add_(least, One));
            Holding(-learningRate / correction1, rate => parameter.addcdiv_(mean, deviation, value: rate));
            gradient.zero_();
        }
    }

    public void Dispose()
    {
        foreach (Tensor tensor in State.Values)
            tensor.Dispose();
    }
}
