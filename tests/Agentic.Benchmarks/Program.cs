using System.Globalization;
using Agentic.Benchmarks;
using BenchmarkDotNet.Running;

if (args is ["--goals"])
    SuffixGoals.Run();
else if (args is ["--steps", .. string[] threads])
    StepCurve.Run(threads is ["--threads", string count] ? int.Parse(count, CultureInfo.InvariantCulture) : Environment.ProcessorCount);
else
    BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
