using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Chat.LoadTest.Platform;

/// <summary>The few commands that a run needs of Redis, by hand: a client library would reconnect, retry and hide.</summary>
internal static class RedisCommandLine
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <param name="url">Where the server listens: what clients are told may be a proxy.</param>
    /// <param name="connectionString">As <c>host:port,password=…</c>.</param>
    /// <param name="stop">Gives up.</param>
    /// <param name="command">Its words; one whose answer is a line or a text.</param>
    public static async Task<string> AskAsync(string url, string connectionString, CancellationToken stop, params string[] command)
    {
        var address = new Uri(url);
        var password = connectionString.Split(',').Skip(1).Select(part => part.Split('=', 2)).FirstOrDefault(pair => pair[0] == "password")?[1];
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port, patience.Token);
        var stream = client.GetStream();
        using var answers = new StreamReader(stream);
        if (password is not null) await SendAsync("AUTH", password);
        return await SendAsync(command);

        async Task<string> SendAsync(params string[] words)
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(Command(words)), patience.Token);
            var head = await answers.ReadLineAsync(patience.Token) ?? throw new InvalidOperationException($"Redis gave {words[0]} no answer.");
            if (head[0] == '-') throw new InvalidOperationException($"Redis refused {words[0]}: {head[1..]}");
            if (head[0] != '$') return head[1..];
            var text = new char[int.Parse(head[1..], CultureInfo.InvariantCulture)];
            return new string(text, 0, await answers.ReadBlockAsync(text.AsMemory(), patience.Token));
        }
    }

    private static string Command(params string[] words) =>
        $"*{words.Length}\r\n" + string.Concat(words.Select(word => $"${Encoding.UTF8.GetByteCount(word)}\r\n{word}\r\n"));
}
