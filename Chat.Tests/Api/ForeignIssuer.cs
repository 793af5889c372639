using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Chat.Tests.Api;

/// <summary>Somebody else's sign-in service: it has keys, mints tokens, and publishes its key set over HTTP.</summary>
internal sealed class ForeignIssuer : IAsyncDisposable
{
    public const string Audience = "chat-of-ours";
    private static readonly JsonWebTokenHandler Handler = new() { SetDefaultTimesOnTokenCreation = false };
    private readonly WebApplication _app;
    private volatile string _published = "";
    private int _requests;
    private int _keys;

    private ForeignIssuer(WebApplication app, string name) => (_app, Name) = (app, name);

    /// <summary>Its <c>iss</c>.</summary>
    public string Name { get; }

    public RsaSecurityKey Key { get; private set; } = null!;

    public Uri JwksUri => new(new Uri(_app.Urls.First()), "/keys");

    public int Requests => _requests;

    public static async Task<ForeignIssuer> StartAsync(string name)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        var issuer = new ForeignIssuer(app, name);
        app.MapGet("/keys", () =>
        {
            Interlocked.Increment(ref issuer._requests);
            return Results.Text(issuer._published, "application/json");
        });
        issuer.ChangeKey();
        await app.StartAsync();
        return issuer;
    }

    /// <summary>A new key in place of the old one.</summary>
    public void ChangeKey()
    {
        Key = new RsaSecurityKey(RSA.Create(2048)) { KeyId = $"{Name}-{++_keys}" };
        var key = JsonWebKeyConverter.ConvertFromRSASecurityKey(new RsaSecurityKey(Key.Rsa.ExportParameters(includePrivateParameters: false)) { KeyId = Key.KeyId });
        _published = System.Text.Json.JsonSerializer.Serialize(new { keys = new[] { new { kty = key.Kty, use = "sig", kid = key.Kid, n = key.N, e = key.E } } });
    }

    public string Mint(string sub, string? audience = Audience, SecurityKey? key = null, string algorithm = SecurityAlgorithms.RsaSha256, string? sid = null)
    {
        var claims = new Dictionary<string, object> { ["sub"] = sub, ["name"] = $"name of {sub}" };
        if (sid is not null) claims["sid"] = sid;
        return Handler.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = Name,
            Audience = audience,
            Expires = DateTime.UtcNow.AddMinutes(10),
            Claims = claims,
            SigningCredentials = new SigningCredentials(key ?? Key, algorithm),
        });
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
