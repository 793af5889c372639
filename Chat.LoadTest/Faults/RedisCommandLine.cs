using System.Net.Sockets;
using System.Text;

namespace Chat.LoadTest.Faults;

/// <summary>The one command that a fault needs of Redis, by hand: a client library would reconnect, retry and hide.</summary>
internal static class RedisCommandLine
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <param name="url">Where the server listens: what clients are told may be a proxy.</param>
    /// <param name="connectionString">As <c>host:port,password=…</c>.</param>
    /// <param name="stop">Gives up.</param>
    public static async Task FlushAllAsync(string url, string connectionString, CancellationToken stop)
    {
        var address = new Uri(url);
        var password = connectionString.Split(',').Skip(1).Select(part => part.Split('=', 2)).FirstOrDefault(pair => pair[0] == "password")?[1];
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port, patience.Token);
        var stream = client.GetStream();
        var commands = new StringBuilder();
        if (password is not null) commands.Append(Command("AUTH", password));
        commands.Append(Command("FLUSHALL")).Append(Command("QUIT"));
        await stream.WriteAsync(Encoding.UTF8.GetBytes(commands.ToString()), patience.Token);
        var answer = await new StreamReader(stream).ReadToEndAsync(patience.Token);
        if (answer.Contains('-')) throw new InvalidOperationException($"Redis refused FLUSHALL: {answer.Trim()}");
    }

    private static string Command(params string[] words) =>
        $"*{words.Length}\r\n" + string.Concat(words.Select(word => $"${Encoding.UTF8.GetByteCount(word)}\r\n{word}\r\n"));
}
