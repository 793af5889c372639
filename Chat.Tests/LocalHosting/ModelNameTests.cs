using Aspire.Hosting;

namespace Chat.Tests.LocalHosting;

public sealed class ModelNameTests
{
    private readonly IDistributedApplicationBuilder _builder = DistributedApplication.CreateBuilder();

    [Theory]
    [InlineData("a")]
    [InlineData("Real-Time-2")]
    public void A_name_of_letters_digits_and_single_hyphens_is_taken(string name)
    {
        Assert.Equal(name, _builder.AddParameter(name).Resource.Name);
    }

    [Theory]
    [InlineData("", "between 1 and 64")]
    [InlineData("1st", "start with an ASCII letter")]
    [InlineData("a_b", "only ASCII letters, digits and hyphens")]
    [InlineData("ä", "start with an ASCII letter")]
    [InlineData("a--b", "consecutive hyphens")]
    [InlineData("a-", "end with a hyphen")]
    public void Any_other_name_is_refused_with_the_rule_that_it_breaks(string name, string rule)
    {
        var failure = Assert.Throws<ArgumentException>(() => _builder.AddParameter(name));

        Assert.Contains(rule, failure.Message);
    }

    [Fact]
    public void A_name_of_65_characters_is_refused()
    {
        Assert.Throws<ArgumentException>(() => _builder.AddParameter(new string('a', 65)));
    }

    [Fact]
    public void Names_are_unique_whatever_their_case()
    {
        _builder.AddParameter("one");

        var failure = Assert.Throws<DistributedApplicationException>(() => _builder.AddRedis("ONE"));

        Assert.Contains("already exists", failure.Message);
    }
}
