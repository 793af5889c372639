using System.Threading.Channels;

namespace Chat.Frontend.Shell;

/// <summary>
/// Brings what happens on the connection's threads to the circuit's own context, in order and in batches: all models are touched only
/// there, so none has a lock. At most <see cref="Capacity"/> things wait; a circuit that far behind drops them all and calls
/// <c>overflowed</c> once, upon which everything is loaded again.
/// </summary>
public sealed class Mailbox : IAsyncDisposable
{
    public const int Capacity = 5_000;
    // A burst becomes one rendering; below what an eye sees as a delay.
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(25);

    private readonly Channel<Action> _actions = Channel.CreateBounded<Action>(new BoundedChannelOptions(Capacity) { SingleReader = true });
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<Action, Task> _dispatch;
    private readonly Action _overflowed;
    private readonly TimeProvider _time;
    private readonly Task _pump;
    private int _full;

    /// <param name="dispatch">Runs a batch on the circuit's context.</param>
    /// <param name="overflowed">Called there after things were dropped.</param>
    /// <param name="time">Clock of the gathering delay.</param>
    public Mailbox(Func<Action, Task> dispatch, Action overflowed, TimeProvider time)
    {
        _dispatch = dispatch;
        _overflowed = overflowed;
        _time = time;
        _pump = Task.Run(PumpAsync);
    }

    /// <summary>May be called from any thread; never waits.</summary>
    public void Post(Action action)
    {
        if (!_actions.Writer.TryWrite(action)) Interlocked.Exchange(ref _full, 1);
    }

    public async ValueTask DisposeAsync()
    {
        _actions.Writer.TryComplete();
        await _stop.CancelAsync();
        await _pump;
        _stop.Dispose();
    }

    private async Task PumpAsync()
    {
        var batch = new List<Action>();
        try
        {
            while (await _actions.Reader.WaitToReadAsync(_stop.Token))
            {
                while (batch.Count < Capacity && _actions.Reader.TryRead(out var action)) batch.Add(action);
                var overflowed = Interlocked.Exchange(ref _full, 0) == 1;
                await _dispatch(() =>
                {
                    if (overflowed) _overflowed();
                    else foreach (var action in batch) action();
                });
                batch.Clear();
                await Task.Delay(Gather, _time, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed: the circuit is gone, and with it everybody who could look.
        }
    }
}
