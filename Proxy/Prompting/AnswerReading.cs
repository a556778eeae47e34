using System.Threading.Channels;
using Agentic.ModelRuntime;

namespace Agentic.Proxy;

/// <summary>Reads the choices of one or more generations to their ends, and ends the generations when nobody wants more of them.</summary>
internal sealed class AnswerReading(IReadOnlyList<Generation> generations, Func<ChoiceReader> newReader)
{
    private readonly Generation[] _generationOf =
        [.. generations.SelectMany(generation => Enumerable.Repeat(generation, generation.Request.Choices))];

    private readonly OutputEvents _events = [];
    private readonly List<ScoredToken> _scores = [];

    /// <summary>Takes what one token of one choice brought. Both lists are only good during the call.</summary>
    public delegate void Receiver(int choice, OutputEvents events, List<ScoredToken> scores);

    /// <summary>The choices: those of the first generation, then those of the second.</summary>
    public ChoiceReader[] Choices { get; } =
        [.. generations.SelectMany(generation => Enumerable.Range(0, generation.Request.Choices)).Select(_ => newReader())];

    /// <summary>Reads until every choice has ended.</summary>
    /// <param name="receive">Called for each token until its choice has ended.</param>
    /// <param name="pause">Called when nothing more is there at the moment.</param>
    /// <param name="clientLeft">Ends the generations at once.</param>
    /// <param name="quiet">What to do whenever nothing has come for some time; null for nothing.</param>
    /// <exception cref="ApiException">The engine failed or is stopping.</exception>
    public async Task RunAsync(
        Receiver receive, Func<ValueTask> pause, CancellationToken clientLeft, (TimeSpan Time, Func<ValueTask> Do)? quiet = null)
    {
        using CancellationTokenRegistration registration = clientLeft.Register(Cancel);
        try
        {
            ChannelReader<(int First, TokenOutput Output)> outputs = Merge();
            while (!Array.TrueForAll(Choices, choice => choice.Finish is not null) && await WaitAsync(outputs, quiet, clientLeft))
            {
                while (outputs.TryRead(out (int First, TokenOutput Output) next))
                    Read(next.First, next.Output, receive);
                await pause();
            }

            if (Choices.Any(choice => choice.Finish is null or FinishReason.Error or FinishReason.Cancelled))
            {
                clientLeft.ThrowIfCancellationRequested();
                throw Choices.Any(choice => choice.Finish is FinishReason.Cancelled)
                    ? ApiException.Server("The server is shutting down.", StatusCodes.Status503ServiceUnavailable)
                    : ApiException.Server("The server had an error while generating the answer.");
            }
        }
        finally
        {
            Cancel();   // of a generation that has ended it does nothing
        }
    }

    private static async ValueTask<bool> WaitAsync(
        ChannelReader<(int First, TokenOutput Output)> outputs, (TimeSpan Time, Func<ValueTask> Do)? quiet, CancellationToken clientLeft)
    {
        ValueTask<bool> ready = outputs.WaitToReadAsync(clientLeft);
        if (ready.IsCompleted || quiet is not { } silence)
            return await ready;
        Task<bool> waiting = ready.AsTask();
        while (true)
        {
            try
            {
                return await waiting.WaitAsync(silence.Time, CancellationToken.None);
            }
            catch (TimeoutException)
            {
                await silence.Do();
            }
        }
    }

    private void Read(int first, TokenOutput output, Receiver receive)
    {
        int index = first + output.Choice;
        ChoiceReader choice = Choices[index];
        if (choice.Finish is not null)
            return;
        _events.Clear();
        _scores.Clear();
        choice.Read(output, _events, _scores);
        if (choice.Finish is not (FinishReason.Error or FinishReason.Cancelled))
            receive(index, _events, _scores);

        // It ended here, by a stop string, before the engine ended it.
        if (choice.Finish is not null && output.Finish is null)
            _generationOf[index].Stop(output.Choice);
    }

    private ChannelReader<(int First, TokenOutput Output)> Merge()
    {
        Channel<(int, TokenOutput)> merged = Channel.CreateUnbounded<(int, TokenOutput)>();
        _ = PumpAsync();
        return merged.Reader;

        async Task PumpAsync()
        {
            try
            {
                await Task.WhenAll(generations.Select((generation, i) => PumpOneAsync(generation, i)));
                merged.Writer.Complete();
            }
            catch (Exception exception)   // the reader gets it, wherever it came from
            {
                merged.Writer.Complete(exception);
            }
        }

        async Task PumpOneAsync(Generation generation, int i)
        {
            int first = generations.Take(i).Sum(other => other.Request.Choices);
            await foreach (TokenOutput output in generation.Outputs.ReadAllAsync())
                merged.Writer.TryWrite((first, output));
        }
    }

    private void Cancel()
    {
        foreach (Generation generation in generations)
            generation.Cancel();
    }
}
