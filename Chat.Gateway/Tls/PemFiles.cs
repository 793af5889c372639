using System.Security.Cryptography.X509Certificates;

namespace Chat.Gateway.Tls;

/// <summary>A certificate and its key as two PEM files.</summary>
internal static class PemFiles
{
    public static X509Certificate2 Load(string certificate, string key)
    {
        using var pem = X509Certificate2.CreateFromPemFile(certificate, key);
        // Windows cannot serve TLS with a key that lives only in memory; a round trip through PKCS#12 gives it one that it can use.
        return X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
    }
}
