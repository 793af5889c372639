using System.Text;
using System.Text.Json;
using Chat.Contracts;
using Chat.LoadTest.Crowds;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Traffic;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Measuring;

/// <summary>
/// One connection that publishes and awaits nothing: answers are matched by id when they come. It never repeats, so that a publish is one attempt;
/// while it is not connected, what is due is not sent, and counted as that.
/// </summary>
internal sealed class Publisher(int number, IReadOnlyList<Route> routes, User user, RunClock clock, Ledger ledger, Action<int> acked, Action<string> refused)
{
    private volatile LightSocket? _socket;

    public bool IsConnected => _socket is not null;

    public static byte[] Frame(int publish, string roomId, string content) => JsonSerializer.SerializeToUtf8Bytes(
        new { event_type = CommandTypes.ChatMessage, id = publish + 1, room_id = roomId, client_id = Guid.CreateVersion7().ToString(), content });

    public void Publish(int publish, byte[] frame)
    {
        if (_socket is not { } socket) return;
        ledger.Tell(publish, PublishFate.Unanswered);
        try
        {
            socket.Send(frame);
        }
        catch (LinkLostException)
        {
            return; // part of it may have left: it stays unanswered
        }
    }

    public async Task RunAsync(CancellationToken stop)
    {
        var random = new Random();
        try
        {
            for (var (failures, tries) = (0, 0); ; tries++)
            {
                var began = clock.Now;
                try
                {
                    await SessionAsync(routes[(number + tries) % routes.Count], stop);
                }
                catch (LinkLostException)
                {
                    // What was under way stays unanswered.
                }
                _socket = null;
                if (clock.Now - began >= ReconnectDelay.StableAfter) failures = 0;
                await Task.Delay(ReconnectDelay.After(failures++, random), stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return;
        }
    }

    private async Task SessionAsync(Route route, CancellationToken stop)
    {
        using var socket = await LightSocket.ConnectAsync(route, user.Token, stop);
        using var ended = stop.Register(socket.Abort);
        while (await socket.ReceiveAsync() is { } frame)
        {
            var glance = EventGlance.At(frame.Span);
            if (glance.EventType.SequenceEqual("welcome"u8)) _socket = socket;
            else if (glance.EventType.SequenceEqual("reconnect"u8)) return;
            else if (glance.Id > 0) Answered((int)glance.Id - 1, glance);
        }
    }

    private void Answered(int publish, in EventGlance answer)
    {
        if (answer.EventType.SequenceEqual("ack"u8))
        {
            ledger.Tell(publish, PublishFate.Acked);
            acked(publish);
            return;
        }
        ledger.Tell(publish, PublishFate.Refused);
        refused(Encoding.UTF8.GetString(answer.Code));
    }
}
