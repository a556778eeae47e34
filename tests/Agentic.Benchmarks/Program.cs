using Agentic.Benchmarks;
using BenchmarkDotNet.Running;

if (args is ["--goals"])
    SuffixGoals.Run();
else
    BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
