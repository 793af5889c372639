using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using Chat.LoadTest.Crowds;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Traffic;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Load;

/// <summary>
/// A member without a WebSocket, with a kept-alive connection of its own as a browser has: asks for what is new at every interval, or, without one, asks
/// again as soon as the long poll before was answered.
/// </summary>
internal sealed class PollingClient : IDisposable
{
    private const int Page = 200;
    private const int LongPollSeconds = 25;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(LongPollSeconds + 15);

    private readonly int _number;
    private readonly string _path;
    private readonly TimeSpan? _interval;
    private readonly RunClock _clock;
    private readonly ICrowdWatch _watch;
    private readonly HttpClient _http;
    private long _position;
    private long _bytes;
    private long _requests;
    private long _failures;

    public PollingClient(int number, Route route, User user, string roomId, TimeSpan? interval, RunClock clock, ICrowdWatch watch)
    {
        (_number, _interval, _clock, _watch) = (number, interval, clock, watch);
        _path = $"/api/rooms/{roomId}/messages";
        _http = new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectAsync }) { BaseAddress = route.Address, Timeout = Patience };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", user.Token);
    }

    public long Bytes => Interlocked.Read(ref _bytes);

    public long Requests => Interlocked.Read(ref _requests);

    public long Failures => Interlocked.Read(ref _failures);

    /// <summary>Starts from the head of the room.</summary>
    public async Task BeginAsync(CancellationToken stop)
    {
        for (var failures = 0; ; failures++)
        {
            try
            {
                using var json = JsonDocument.Parse(await GetAsync($"{_path}?limit=1", stop));
                _position = json.RootElement.GetProperty("head_seq").GetInt64();
                return;
            }
            catch (Exception failure) when (failures < 10 && IsFailure(failure, stop))
            {
                await Task.Delay(Backoff.After(failures, Random.Shared), stop);
            }
        }
    }

    public async Task RunAsync(CancellationToken stop)
    {
        var random = new Random();
        try
        {
            // Not all at the same moment.
            var next = _clock.Now + (_interval ?? TimeSpan.Zero) * random.NextDouble();
            for (var failures = 0; ;)
            {
                if (_interval is { } interval)
                {
                    if (next - _clock.Now is { Ticks: > 0 } wait) await Task.Delay(wait, stop);
                    next += interval;
                }
                try
                {
                    while (Take(await GetAsync(_interval is null ? $"{_path}?after_seq={_position}&limit={Page}&wait={LongPollSeconds}" : $"{_path}?after_seq={_position}&limit={Page}", stop))) { }
                    failures = 0;
                }
                catch (Exception failure) when (IsFailure(failure, stop))
                {
                    Interlocked.Increment(ref _failures);
                    await Task.Delay(Backoff.After(failures++, random), stop);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return;
        }
    }

    public void Dispose() => _http.Dispose();

    private static bool IsFailure(Exception failure, CancellationToken stop) =>
        failure is HttpRequestException or SocketException or IOException or JsonException or OperationCanceledException && !stop.IsCancellationRequested;

    private async Task<byte[]> GetAsync(string path, CancellationToken stop)
    {
        Interlocked.Increment(ref _requests);
        return await _http.GetByteArrayAsync(path, stop);
    }

    /// <returns>True when there is more to be had at once.</returns>
    private bool Take(byte[] page)
    {
        var json = new Utf8JsonReader(page);
        var more = false;
        json.Read();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("has_more"u8))
            {
                json.Read();
                more = json.GetBoolean();
            }
            else if (json.ValueTextEquals("events"u8))
            {
                json.Read();
                while (json.Read() && json.TokenType == JsonTokenType.StartObject)
                {
                    var glance = EventGlance.At(ref json);
                    _position = Math.Max(_position, glance.Seq);
                    _watch.Came(_number, glance);
                }
            }
            else json.Skip();
        }
        return more;
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken stop)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, stop);
            return new CountedStream(new NetworkStream(socket, ownsSocket: true), count => Interlocked.Add(ref _bytes, count));
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
