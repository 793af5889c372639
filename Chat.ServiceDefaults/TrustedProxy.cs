using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.ServiceDefaults;

/// <summary>
/// Forwarded headers are believed only from a proxy that knows the shared secret <c>Chat:Proxy:Secret</c>. From anybody else, and when no
/// secret is configured, they are removed before anything can read them: a client cannot choose its address, scheme or host.
/// </summary>
public static class TrustedProxy
{
    /// <summary>Carries the shared secret from the gateway to nodes and frontends; never from or to a client.</summary>
    public const string SecretHeader = "X-Chat-Proxy";

    /// <summary>Configuration key of the shared secret.</summary>
    public const string SecretKey = "Chat:Proxy:Secret";

    private const string ForwardedFor = "X-Forwarded-For";
    private const string ForwardedProto = "X-Forwarded-Proto";
    private const string ForwardedHost = "X-Forwarded-Host";

    /// <summary>Must stand before everything that looks at the client's address, the scheme or the host.</summary>
    public static IApplicationBuilder UseTrustedProxy(this IApplicationBuilder app)
    {
        var secret = app.ApplicationServices.GetRequiredService<IConfiguration>()[SecretKey];
        var digest = string.IsNullOrEmpty(secret) ? null : Digest(secret);
        return app.Use(next => context =>
        {
            Apply(context, digest);
            return next(context);
        });
    }

    private static void Apply(HttpContext context, byte[]? secretDigest)
    {
        var headers = context.Request.Headers;
        if (secretDigest is not null && headers.TryGetValue(SecretHeader, out var given)
            && CryptographicOperations.FixedTimeEquals(Digest(given.ToString()), secretDigest))
        {
            if (IPAddress.TryParse(headers[ForwardedFor].ToString(), out var address))
                context.Connection.RemoteIpAddress = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
            if (headers[ForwardedProto].ToString() is var scheme && scheme is "http" or "https")
                context.Request.Scheme = scheme;
            if (headers[ForwardedHost].ToString() is { Length: > 0 } host)
                context.Request.Host = new HostString(host);
        }
        headers.Remove(SecretHeader);
        headers.Remove(ForwardedFor);
        headers.Remove(ForwardedProto);
        headers.Remove(ForwardedHost);
        headers.Remove("X-Forwarded-Prefix");
        headers.Remove("Forwarded");
    }

    // Digests are of one length, so the comparison tells nothing about the length of the secret either.
    private static byte[] Digest(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));
}
