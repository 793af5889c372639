using System.Net;
using System.Text.Json;
using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Tests.Api;

/// <summary>Accounts with passwords.</summary>
internal static class Accounts
{
    public const string Password = "correct horse battery";

    public static string NewName() => "n" + Guid.NewGuid().ToString("N")[..16];

    public static async Task<Session> RegisterAsync(ApiHost host, string? userName = null)
    {
        var answer = await host.Caller(null).PostAsync("/api/auth/register", new { user_name = userName ?? NewName(), password = Password });
        return Read(answer.Expect(HttpStatusCode.Created));
    }

    public static Session Read(ApiAnswer answer) => JsonSerializer.Deserialize(answer.Text, ChatJson.Default.Session)!;
}
