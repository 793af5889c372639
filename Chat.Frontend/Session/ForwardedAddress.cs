namespace Chat.Frontend.Session;

/// <summary>Says whose sign-in it is.</summary>
public sealed class ForwardedAddress(IHttpContextAccessor context, BrowserAddress browser) : DelegatingHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        foreach (var (name, value) in browser.Headers(context.HttpContext?.Connection.RemoteIpAddress?.ToString()))
            request.Headers.TryAddWithoutValidation(name, value);
        return base.SendAsync(request, cancellationToken);
    }
}
