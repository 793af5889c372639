using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Chat.Gateway.Tls;

/// <summary>
/// The certificate of the public origin: one's own (<c>Chat:Tls:Certificate</c> and <c>Chat:Tls:Key</c>, PEM files, the first with its
/// chain), else a self-signed one for development. A renewed file or a development certificate near its end is taken up within
/// an hour, without a restart; a renewal that cannot be read leaves the old one in use.
/// </summary>
public sealed partial class GatewayCertificate(IConfiguration configuration, TimeProvider time, ILogger<GatewayCertificate> logger)
{
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromHours(1);

    private readonly Lock _lock = new();
    private SslStreamCertificateContext? _context;
    private long _loadedAt;

    /// <summary>Makes Kestrel ask for the certificate at each handshake. Throws when there is none, with the remedy in the message.</summary>
    public void Configure(HttpsConnectionAdapterOptions https)
    {
        var first = Current().TargetCertificate;
        https.ServerCertificate = first;
        https.OnAuthenticate = (_, options) => options.ServerCertificateContext = Current();
    }

    /// <summary>The certificate now, with the chain that clients need.</summary>
    public SslStreamCertificateContext Current()
    {
        lock (_lock)
        {
            if (_context is not null && time.GetElapsedTime(_loadedAt) < LookAgainAfter) return _context;
            try
            {
                _context = Load();
            }
            catch (Exception failure) when (_context is not null)
            {
                Log.RenewalFailed(logger, failure.Message);
            }
            _loadedAt = time.GetTimestamp();
            return _context;
        }
    }

    private SslStreamCertificateContext Load()
    {
        var certificate = configuration["Chat:Tls:Certificate"];
        var key = configuration["Chat:Tls:Key"];
        if (string.IsNullOrEmpty(certificate) && string.IsNullOrEmpty(key))
            return SslStreamCertificateContext.Create(DevelopmentCertificate.LoadOrMake(DevelopmentDirectory(), time.GetUtcNow()), [], offline: true);
        if (string.IsNullOrEmpty(certificate) || string.IsNullOrEmpty(key))
            throw new InvalidOperationException("Set both Chat:Tls:Certificate and Chat:Tls:Key to PEM files, or neither for a self-signed development certificate.");

        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(certificate);
            return SslStreamCertificateContext.Create(PemFiles.Load(certificate, key), chain, offline: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or System.Security.Cryptography.CryptographicException)
        {
            throw new InvalidOperationException(
                $"Chat:Tls:Certificate ({certificate}) and Chat:Tls:Key ({key}) must be readable PEM files of one certificate and its unencrypted key: {failure.Message}", failure);
        }
    }

    private string DevelopmentDirectory()
    {
        var data = configuration[GatewayServices.DataDirectoryKey];
        return Path.Combine(string.IsNullOrEmpty(data)
            ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create), "chat")
            : data, "tls");
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "The certificate cannot be read again, the old one stays in use: {Reason}")]
        public static partial void RenewalFailed(ILogger logger, string reason);
    }
}
