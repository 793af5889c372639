using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Chat.Tests.Backends;

namespace Chat.Tests.LocalHosting;

public sealed class ParameterTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    [Fact]
    public async Task A_made_value_is_kept_for_its_owner_and_is_the_same_at_the_next_start()
    {
        var first = await MakeSigningKeyAsync();
        var second = await MakeSigningKeyAsync();

        Assert.Equal(first, second);
        Assert.Equal(first, await File.ReadAllTextAsync(_directory["data/signing.key"]));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_directory["data/signing.key"]));
    }

    [Fact]
    public async Task The_signing_key_is_base64_of_33_bytes()
    {
        Assert.Equal(33, Convert.FromBase64String(await MakeSigningKeyAsync()).Length);
    }

    [Fact]
    public async Task The_configuration_wins_over_a_made_value()
    {
        Assert.Equal("given", await MakeSigningKeyAsync("Parameters:signing_key=given"));
        Assert.False(File.Exists(_directory["data/signing.key"]));
    }

    [Fact]
    public async Task A_constant_wins_over_the_configuration()
    {
        var builder = Engines.Builder(_directory, "Parameters:issuer=other");

        Assert.Equal("chat", await builder.AddParameter("issuer", "chat").Resource.GetValueAsync());
    }

    [Fact]
    public async Task A_missing_value_is_named_with_the_variable_that_gives_it()
    {
        var parameter = Engines.Builder(_directory).AddParameter("api-token").Resource;

        var failure = await Assert.ThrowsAsync<DistributedApplicationException>(async () => await parameter.GetValueAsync());

        Assert.Contains("Parameters__api_token", failure.Message);
    }

    [Fact]
    public void A_secret_is_never_published_as_a_default()
    {
        Assert.Throws<ArgumentException>(() => Engines.Builder(_directory).AddParameter("x", "y", publishValueAsDefault: true, secret: true));
    }

    [Fact]
    public void A_made_value_has_the_characters_that_were_asked_for()
    {
        var value = new GenerateParameterDefault { MinLength = 200, Lower = false, Upper = false, Special = false, MinLower = 3 }.GetDefaultValue();

        Assert.Equal(200, value.Length);
        Assert.Equal(3, value.Count(char.IsAsciiLetterLower));
        Assert.Equal(197, value.Count(char.IsAsciiDigit));
    }

    public void Dispose() => _directory.Dispose();

    private async Task<string> MakeSigningKeyAsync(params string[] arguments)
    {
        var parameter = Engines.Builder(_directory, arguments)
            .AddParameter("signing-key", new GenerateParameterDefault { MinLength = 44, Special = false }, secret: true, persist: true);
        return (await parameter.Resource.GetValueAsync())!;
    }
}
