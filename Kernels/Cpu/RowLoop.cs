namespace Agentic.Kernels;

/// <summary>Rows that need nothing of each other, shared among workers when they are many.</summary>
internal static unsafe class RowLoop
{
    // Some 10 µs of one core: less is not worth waking another for.
    private const int MinElementsPerItem = 32 * 1024;

    private struct Job
    {
        public delegate*<void*, int, void> Body;
        public void* State;
        public int Rows;
        public int RowsPerItem;
    }

    /// <summary>Calls body(state, row) for each row.</summary>
    public static void Run(WorkerPool pool, delegate*<void*, int, void> body, void* state, int rows, int elementsPerRow)
    {
        Job job = new() { Body = body, State = state, Rows = rows, RowsPerItem = MinElementsPerItem / elementsPerRow + 1 };
        pool.Run(&RunItem, &job, (rows + job.RowsPerItem - 1) / job.RowsPerItem);
    }

    private static void RunItem(void* state, int item, int worker)
    {
        Job job = *(Job*)state;
        int end = Math.Min((item + 1) * job.RowsPerItem, job.Rows);
        for (int row = item * job.RowsPerItem; row < end; row++)
            job.Body(job.State, row);
    }
}
