using System.Net;
using System.Net.Sockets;
using Aspire.Hosting.ApplicationModel;

namespace Chat.LocalHosting.Engine;

/// <summary>The host part of an endpoint's addresses: what the process binds, and what others call.</summary>
internal static class EndpointHost
{
    private const string Loopback = "127.0.0.1";

    /// <summary>Always an address and never a name: replicas announce themselves to others by what they listen on.</summary>
    public static string ToListenOn(EndpointAnnotation endpoint) => AddressOf(endpoint) is { } address ? Format(address) : Loopback;

    /// <summary>From this machine: who listens on every address is called on loopback.</summary>
    public static string ToCall(EndpointAnnotation endpoint) =>
        AddressOf(endpoint) is { } address && !IsAny(address) ? Format(address) : Loopback;

    /// <summary>As a person would write it.</summary>
    public static string ToShow(EndpointAnnotation endpoint) =>
        AddressOf(endpoint) is { } address && !IsAny(address) && !IPAddress.IsLoopback(address) ? Format(address) : "localhost";

    private static IPAddress? AddressOf(EndpointAnnotation endpoint) => IPAddress.TryParse(endpoint.TargetHost, out var address) ? address : null;

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private static string Format(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();
}
