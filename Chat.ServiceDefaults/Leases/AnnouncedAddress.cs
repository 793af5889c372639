using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Chat.ServiceDefaults.Leases;

/// <summary>
/// The address under which other processes reach this one: what its server listens on, with a wildcard replaced by the address of
/// this machine (a container's or pod's own, where they run in one).
/// </summary>
public static class AnnouncedAddress
{
    /// <summary>The first plain http address, else the first; null when the server listens on none.</summary>
    public static string? From(IEnumerable<string> serverAddresses)
    {
        var addresses = serverAddresses.Select(Parse).OfType<Uri>().ToList();
        var address = addresses.Find(candidate => candidate.Scheme == Uri.UriSchemeHttp) ?? addresses.FirstOrDefault();
        return address?.GetLeftPart(UriPartial.Authority);
    }

    private static Uri? Parse(string text)
    {
        // "+" and "*" are Kestrel's spelling of every interface; a Uri does not know them.
        var spelled = text.Replace("://+", "://0.0.0.0", StringComparison.Ordinal).Replace("://*", "://0.0.0.0", StringComparison.Ordinal);
        if (!Uri.TryCreate(spelled, UriKind.Absolute, out var uri)) return null;
        var isWildcard = IPAddress.TryParse(uri.Host.Trim('[', ']'), out var ip) && (ip.Equals(IPAddress.Any) || ip.Equals(IPAddress.IPv6Any));
        return isWildcard ? new UriBuilder(uri) { Host = OwnAddress().ToString() }.Uri : uri;
    }

    private static IPAddress OwnAddress() =>
        NetworkInterface.GetAllNetworkInterfaces()
            .Where(network => network.OperationalStatus == OperationalStatus.Up && network.NetworkInterfaceType != NetworkInterfaceType.Loopback)
            .SelectMany(network => network.GetIPProperties().UnicastAddresses)
            .Select(unicast => unicast.Address)
            .FirstOrDefault(address => address.AddressFamily == AddressFamily.InterNetwork)
        ?? IPAddress.Loopback;
}
