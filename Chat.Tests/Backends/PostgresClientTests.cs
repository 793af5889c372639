using Chat.Data.Model;
using Npgsql;

namespace Chat.Tests.Backends;

/// <summary>What our processes add to a connection string.</summary>
public sealed class PostgresClientTests
{
    [Fact]
    public void A_plain_connection_string_gets_few_connections_and_prepared_statements()
    {
        var configured = new NpgsqlConnectionStringBuilder(PostgresClient.Configure("Host=db;Username=chat"));

        Assert.Equal(("db", 20, 60), (configured.Host, configured.MaxPoolSize, configured.MaxAutoPrepare));
    }

    [Theory]
    [InlineData("Maximum Pool Size=50;Max Auto Prepare=0", 50, 0)]
    [InlineData("MaxPoolSize=7", 7, 60)]
    [InlineData("MaxAutoPrepare=5", 20, 5)]
    [InlineData("Minimum Pool Size=30", 30, 60)]
    public void What_the_operator_says_stays(string said, int connections, int prepared)
    {
        var configured = new NpgsqlConnectionStringBuilder(PostgresClient.Configure("Host=db;" + said));

        Assert.Equal((connections, prepared), (configured.MaxPoolSize, configured.MaxAutoPrepare));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void Nothing_stays_nothing(string? said) => Assert.Equal(said, PostgresClient.Configure(said));
}
