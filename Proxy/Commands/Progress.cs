using System.Collections.Concurrent;
using Spectre.Console;

namespace Agentic.Proxy;

/// <summary>A bar on the terminal, on standard error, for work that takes longer than a second. Elsewhere nothing is drawn.</summary>
internal static class Progress
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>Runs work of so many units, 0 where nobody knows; it reports each time how many more are done.</summary>
    public static Task RunAsync(string what, double units, Func<Action<long>, Task> work) =>
        Task.Run(() => Run(what, units, report => work(count =>
        {
            for (; count > int.MaxValue; count -= int.MaxValue)
                report(int.MaxValue);
            report((int)count);
        }).GetAwaiter().GetResult()));

    /// <inheritdoc cref="RunAsync"/>
    public static void Run(string what, double units, Action<Action<int>> work) => Run(what, units, (report, _) => work(report));

    /// <summary>The same of work that also has lines to say, which stand above the bar, or, where none is drawn, on standard output.</summary>
    public static void Run(string what, double units, Action<Action<int>, Action<string>> work)
    {
        if (Console.IsErrorRedirected)
        {
            work(_ => { }, Console.WriteLine);
            return;
        }

        double done = 0;
        ConcurrentQueue<string> lines = [];
        Task running = Task.Run(() => work(count => Volatile.Write(ref done, done + count), lines.Enqueue));
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        if (!((IAsyncResult)running).AsyncWaitHandle.WaitOne(Patience))
        {
            console.Progress().AutoClear(true).Start(context =>
            {
                ProgressTask bar = context.AddTask(what, maxValue: Math.Max(1, units));
                bar.IsIndeterminate = units == 0;
                while (!running.IsCompleted)
                {
                    bar.Value = Volatile.Read(ref done);
                    Say();
                    ((IAsyncResult)running).AsyncWaitHandle.WaitOne(TimeSpan.FromMilliseconds(100));
                }
            });
        }

        Say();
        running.GetAwaiter().GetResult();

        void Say()
        {
            while (lines.TryDequeue(out string? line))
                console.WriteLine(line);
        }
    }
}
