using Chat.Realtime.Auth;

namespace Chat.Tests.Api;

public sealed class IssuerOptionsTests
{
    [Theory]
    [InlineData("", "https://a.example/keys", "aud", "p", "Issuer")]
    [InlineData("chat", "https://a.example/keys", "aud", "p", "Issuer")]
    [InlineData("https://a.example", "http://a.example/keys", "aud", "p", "JwksUri")]
    [InlineData("https://a.example", "https://a.example/keys", "", "p", "Audience")]
    [InlineData("https://a.example", "https://a.example/keys", "aud", "", "Prefix")]
    [InlineData("https://a.example", "https://a.example/keys", "aud", "a.b", "Prefix")]
    [InlineData("https://a.example", "https://a.example/keys", "aud", "key", "Prefix")]
    public void An_entry_that_would_let_strangers_in_is_refused_at_start(string issuer, string jwks, string audience, string prefix, string named)
    {
        var options = new AuthOptions { SigningKey = ApiHost.SigningKey };
        options.Issuers.Add(new IssuerOptions { Issuer = issuer, JwksUri = jwks, Audience = audience, Prefix = prefix });
        var result = new AuthOptionsValidator().Validate(null, options);
        Assert.True(result.Failed);
        Assert.StartsWith($"Chat:Auth:Issuers:0:{named}", result.FailureMessage);
    }
}
