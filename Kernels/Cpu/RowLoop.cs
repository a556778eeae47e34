namespace Agentic.Kernels;

/// <summary>Rows that need nothing of each other, shared among workers: by rows in a pass of many, else when they are worth waking another for.</summary>
internal static unsafe class RowLoop
{
    // Some 10 µs of one core.
    private const int MinElementsPerItem = 32 * 1024;

    private struct Job
    {
        public delegate*<void*, int, int, int, void> Body;
        public void* State;
        public int Rows;
        public int RowsPerItem;
    }

    /// <summary>Calls body(state, first, end, worker) for stretches of rows that cover all.</summary>
    public static void Run<TState>(
        WorkerPool pool, delegate*<void*, int, int, int, void> body, in TState state, int rows, int elementsPerRow)
        where TState : unmanaged
    {
        if (pool.SharesRows(rows))
        {
            pool.RunRows(body, state, rows);
            return;
        }

        TState own = state;
        Job job = new() { Body = body, State = &own, Rows = rows, RowsPerItem = MinElementsPerItem / elementsPerRow + 1 };
        pool.Run(&RunItem, &job, (rows + job.RowsPerItem - 1) / job.RowsPerItem);
    }

    private static void RunItem(void* state, int item, int worker)
    {
        Job job = *(Job*)state;
        job.Body(job.State, item * job.RowsPerItem, Math.Min((item + 1) * job.RowsPerItem, job.Rows), worker);
    }
}
