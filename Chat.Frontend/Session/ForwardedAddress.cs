using Chat.ServiceDefaults;

namespace Chat.Frontend.Session;

/// <summary>
/// Says whose sign-in it is: failures are counted per address, and without this every browser would share the frontend's.
/// Believed by the nodes only with the secret that they share with their proxies.
/// </summary>
public sealed class ForwardedAddress(IHttpContextAccessor context, IConfiguration configuration) : DelegatingHandler
{
    private readonly string? _secret = configuration[TrustedProxy.SecretKey];

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (!string.IsNullOrEmpty(_secret) && context.HttpContext?.Connection.RemoteIpAddress is { } address)
        {
            request.Headers.TryAddWithoutValidation(TrustedProxy.SecretHeader, _secret);
            request.Headers.TryAddWithoutValidation("X-Forwarded-For", address.ToString());
        }
        return base.SendAsync(request, cancellationToken);
    }
}
