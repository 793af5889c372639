using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;

namespace Chat.Tests.LocalHosting;

public sealed class ExpressionTests
{
    private readonly IDistributedApplicationBuilder _builder = DistributedApplication.CreateBuilder();

    [Fact]
    public async Task Text_and_values_are_joined_when_resolved_and_stay_expressions_when_published()
    {
        var password = _builder.AddParameter("pass", "a b&c").Resource;

        var expression = ReferenceExpression.Create($"x={password};y={password:uri}");

        Assert.Equal("x=a b&c;y=a%20b%26c", await expression.GetValueAsync());
        Assert.Equal("x={pass.value};y={pass.value}", expression.ValueExpression);
    }

    [Fact]
    public async Task Braces_in_text_stay_braces()
    {
        var value = _builder.AddParameter("one", "1").Resource;

        Assert.Equal("{1} {x}", await ReferenceExpression.Create($"{{{value}}} {{x}}").GetValueAsync());
    }

    [Fact]
    public async Task A_condition_chooses_one_of_two_texts()
    {
        var tls = _builder.AddParameter("tls", "TRUE").Resource;

        var expression = ReferenceExpression.CreateConditional(
            tls, "true", ReferenceExpression.Create($"on"), ReferenceExpression.Create($"off"));

        Assert.Equal("on", await expression.GetValueAsync());
    }

    [Fact]
    public void A_conditional_text_has_the_name_that_Aspire_gives_it()
    {
        var connectionString = _builder.AddRedis("redis").Resource.ConnectionStringExpression;

        // Seen in what Aspire 13.5.2 publishes.
        Assert.EndsWith("{cond-redis-bindings-tcp-tlsenabled-d148d83a.connectionString}", connectionString.ValueExpression);
    }

    [Fact]
    public void An_endpoint_has_no_address_before_the_application_starts()
    {
        var endpoint = _builder.AddProject("web", "Web.csproj").WithHttpEndpoint().GetEndpoint("http");

        Assert.False(endpoint.IsAllocated);
        Assert.Contains("before the application starts", Assert.Throws<InvalidOperationException>(() => endpoint.Url).Message);
        Assert.Equal("{web.bindings.http.url}", endpoint.ValueExpression);
    }
}
