using Spectre.Console;

namespace Agentic.Proxy;

/// <summary>A bar on the terminal, on standard error, for work that takes longer than a second. Elsewhere nothing is drawn.</summary>
internal static class Progress
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>Runs work of so many units; it reports each time how many more are done.</summary>
    public static Task RunAsync(string what, double units, Func<Action<long>, Task> work) =>
        Task.Run(() => Run(what, units, report => work(count =>
        {
            for (; count > int.MaxValue; count -= int.MaxValue)
                report(int.MaxValue);
            report((int)count);
        }).GetAwaiter().GetResult()));

    /// <inheritdoc cref="RunAsync"/>
    public static void Run(string what, double units, Action<Action<int>> work)
    {
        if (Console.IsErrorRedirected)
        {
            work(_ => { });
            return;
        }

        double done = 0;
        Task running = Task.Run(() => work(count => Volatile.Write(ref done, done + count)));
        if (!((IAsyncResult)running).AsyncWaitHandle.WaitOne(Patience))
        {
            IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
            console.Progress().AutoClear(true).Start(context =>
            {
                ProgressTask bar = context.AddTask(what, maxValue: units);
                while (!running.IsCompleted)
                {
                    bar.Value = Volatile.Read(ref done);
                    ((IAsyncResult)running).AsyncWaitHandle.WaitOne(TimeSpan.FromMilliseconds(100));
                }
            });
        }

        running.GetAwaiter().GetResult();
    }
}
