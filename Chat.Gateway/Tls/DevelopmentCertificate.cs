using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Chat.Gateway.Tls;

/// <summary>
/// A self-signed certificate for <c>localhost</c>, made once and kept, so that a browser's exception for it stays good. Made anew a month
/// before it ends, or when its files cannot be used. Only the owner can read the key.
/// </summary>
public static class DevelopmentCertificate
{
    // Browsers refuse certificates that live longer than 398 days.
    private static readonly TimeSpan Life = TimeSpan.FromDays(397);
    private static readonly TimeSpan RenewBefore = TimeSpan.FromDays(30);

    public static X509Certificate2 LoadOrMake(string directory, DateTimeOffset now)
    {
        var certificate = Path.Combine(directory, "localhost.crt");
        var key = Path.Combine(directory, "localhost.key");
        if (TryLoad(certificate, key) is { } kept && kept.NotAfter.ToUniversalTime() - now.UtcDateTime > RenewBefore)
            return kept;
        Make(directory, certificate, key, now);
        return PemFiles.Load(certificate, key);
    }

    private static X509Certificate2? TryLoad(string certificate, string key)
    {
        try
        {
            return File.Exists(certificate) && File.Exists(key) ? PemFiles.Load(certificate, key) : null;
        }
        catch (CryptographicException)
        {
            return null; // torn or not of one pair: it is made anew
        }
    }

    private static void Make(string directory, string certificate, string key, DateTimeOffset now)
    {
        using var keys = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", keys, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false)); // TLS server
        using var made = request.CreateSelfSigned(now.AddDays(-1), now.Add(Life));

        Directory.CreateDirectory(directory);
        Write(key, keys.ExportPkcs8PrivateKeyPem(), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Write(certificate, made.ExportCertificatePem(), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
    }

    // Complete or absent, never half-written; the mode is set when the file is made, not after.
    private static void Write(string path, string text, UnixFileMode mode)
    {
        var unfinished = $"{path}.{Guid.NewGuid():N}";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = mode;
        using (var writer = new StreamWriter(new FileStream(unfinished, options)))
            writer.Write(text);
        File.Move(unfinished, path, overwrite: true);
    }
}
