using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chat.Gateway.Tls;
using Chat.Tests.Backends;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Gateway;

public sealed class CertificateTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    [Fact]
    public async Task The_development_certificate_names_this_machine_and_is_kept_over_a_restart()
    {
        await using var gateway = await GatewayHost.StartAsync();

        var first = await PresentedAsync(gateway.Https);
        await gateway.RestartGatewayAsync();
        var second = await PresentedAsync(gateway.Https);

        Assert.Equal(first.Thumbprint, second.Thumbprint);
        Assert.True(first.MatchesHostname("localhost"));
        Assert.True(first.MatchesHostname("127.0.0.1"));
        Assert.True(first.MatchesHostname("::1"));
    }

    [Fact]
    public void Only_the_owner_can_read_the_key()
    {
        if (OperatingSystem.IsWindows()) return;
        using var made = DevelopmentCertificate.LoadOrMake(_directory.Path, DateTimeOffset.UtcNow);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_directory["localhost.key"]));
        Assert.True(made.HasPrivateKey);
    }

    [Fact]
    public void A_development_certificate_near_its_end_or_torn_is_made_anew()
    {
        var now = DateTimeOffset.UtcNow;
        using var first = DevelopmentCertificate.LoadOrMake(_directory.Path, now);
        using var kept = DevelopmentCertificate.LoadOrMake(_directory.Path, now.AddDays(300));
        using var renewed = DevelopmentCertificate.LoadOrMake(_directory.Path, now.AddDays(380));
        File.WriteAllText(_directory["localhost.key"], "torn");
        using var repaired = DevelopmentCertificate.LoadOrMake(_directory.Path, now.AddDays(380));

        Assert.Equal(first.Thumbprint, kept.Thumbprint);
        Assert.NotEqual(first.Thumbprint, renewed.Thumbprint);
        Assert.NotEqual(renewed.Thumbprint, repaired.Thumbprint);
    }

    [Fact]
    public void An_own_certificate_is_taken_up_again_when_its_file_was_renewed()
    {
        var time = new FakeTimeProvider();
        WritePair("CN=first.example");
        var certificate = new GatewayCertificate(Configuration(), time, NullLogger<GatewayCertificate>.Instance);
        Assert.Equal("CN=first.example", certificate.Current().TargetCertificate.Subject);

        WritePair("CN=second.example");
        Assert.Equal("CN=first.example", certificate.Current().TargetCertificate.Subject);
        time.Advance(TimeSpan.FromHours(2));
        Assert.Equal("CN=second.example", certificate.Current().TargetCertificate.Subject);

        File.WriteAllText(_directory["own.crt"], "torn");
        time.Advance(TimeSpan.FromHours(2));
        Assert.Equal("CN=second.example", certificate.Current().TargetCertificate.Subject);
    }

    [Fact]
    public void A_certificate_that_cannot_be_read_is_named_with_its_setting()
    {
        var certificate = new GatewayCertificate(Configuration(), TimeProvider.System, NullLogger<GatewayCertificate>.Instance);

        var failure = Assert.Throws<InvalidOperationException>(() => certificate.Current());

        Assert.Contains("Chat:Tls:Certificate", failure.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _directory.Dispose();

    private IConfiguration Configuration() => new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
    {
        ["Chat:Tls:Certificate"] = _directory["own.crt"],
        ["Chat:Tls:Key"] = _directory["own.key"],
    }).Build();

    private void WritePair(string subject)
    {
        using var keys = RSA.Create(2048);
        using var made = new CertificateRequest(subject, keys, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        File.WriteAllText(_directory["own.crt"], made.ExportCertificatePem());
        File.WriteAllText(_directory["own.key"], keys.ExportPkcs8PrivateKeyPem());
    }

    private static async Task<X509Certificate2> PresentedAsync(Uri address)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port);
        await using var stream = new SslStream(client.GetStream(), false, (_, _, _, _) => true);
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", EnabledSslProtocols = SslProtocols.None });
        return X509CertificateLoader.LoadCertificate(stream.RemoteCertificate!.GetRawCertData());
    }
}
