using System.Diagnostics;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace Chat.Tests.LocalHosting;

/// <summary>What the engine does with a running application.</summary>
public sealed class EngineTests(RunningSmallApp small) : IClassFixture<RunningSmallApp>
{
    private DistributedApplication App => small.App;

    [Fact]
    public async Task Everything_is_reached_by_what_the_model_says()
    {
        using var http = App.CreateHttpClient("service");

        Assert.Equal("maindb", await QueryAsync("SELECT 'maindb'"));
        Assert.Equal(await App.GetConnectionStringAsync("maindb"), await http.GetStringAsync("/variables/ConnectionStrings__maindb"));
        Assert.Equal(await App.GetConnectionStringAsync("redis"), await http.GetStringAsync("/variables/ConnectionStrings__redis"));
        Assert.Equal("main", await http.GetStringAsync("/variables/MAINDB_DATABASENAME"));
        Assert.Equal("service", await http.GetStringAsync("/variables/OTEL_SERVICE_NAME"));
    }

    [Fact]
    public async Task Replicas_have_ports_of_their_own_behind_one_address()
    {
        var urls = new[] { "service-1", "service-2" }.Select(name => small.Snapshot(name).Urls.Single().Url).ToArray();

        Assert.NotEqual(urls[0], urls[1]);
        Assert.DoesNotContain(App.GetEndpoint("service", "http").Port, urls.Select(url => new Uri(url).Port));
        Assert.Equal([small.Pid("service-1"), small.Pid("service-2")], await Task.WhenAll(urls.Select(PidAtAsync)));
    }

    [Fact]
    public async Task Each_connection_goes_to_some_replica()
    {
        var seen = new HashSet<int>();
        for (var i = 0; i < 64 && seen.Count < 2; i++)
            seen.Add(await PidAtAsync(App.GetEndpoint("service", "http").ToString()));

        Assert.Equal(new HashSet<int> { small.Pid("service-1"), small.Pid("service-2") }, seen);
    }

    [Fact]
    public async Task A_replica_that_is_down_gets_no_connection()
    {
        await small.ExecuteAsync("service-1", KnownResourceCommands.StopCommand);

        for (var i = 0; i < 16; i++)
            Assert.Equal(small.Pid("service-2"), await PidAtAsync(App.GetEndpoint("service", "http").ToString()));

        await small.ExecuteAsync("service-1", KnownResourceCommands.StartCommand);
        await small.UntilHealthyAsync("service-1");
    }

    [Fact]
    public async Task A_replica_that_is_not_healthy_gets_no_connection_while_another_one_is()
    {
        var urls = new[] { "service-1", "service-2" }.Select(name => small.Snapshot(name).Urls.Single().Url).ToArray();
        await SetIllAsync("service-1", urls[0], true);

        for (var i = 0; i < 16; i++)
            Assert.Equal(small.Pid("service-2"), await PidAtAsync(App.GetEndpoint("service", "http").ToString()));

        await SetIllAsync("service-2", urls[1], true);
        Assert.Contains(await PidAtAsync(App.GetEndpoint("service", "http").ToString()), new[] { small.Pid("service-1"), small.Pid("service-2") });

        await SetIllAsync("service-1", urls[0], false);
        await SetIllAsync("service-2", urls[1], false);
    }

    [Fact]
    public async Task A_process_that_dies_comes_back_under_the_same_name_and_port()
    {
        var (pid, url) = (small.Pid("service-2"), small.Snapshot("service-2").Urls.Single().Url);

        Process.GetProcessById(pid).Kill();
        await Engines.UntilAsync(() => small.Snapshot("service-2").Pid is { } now && now != pid, "service-2 is started again");
        await small.UntilHealthyAsync("service-2");

        Assert.Equal(url, small.Snapshot("service-2").Urls.Single().Url);
        Assert.Equal(small.Pid("service-2"), await PidAtAsync(url));
    }

    [Fact]
    public async Task A_process_that_ends_by_itself_comes_back_too()
    {
        var (pid, url) = (small.Pid("service-1"), small.Snapshot("service-1").Urls.Single().Url);
        using var http = new HttpClient();

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => http.PostAsync(url + "/die", null));

        await Engines.UntilAsync(() => small.Snapshot("service-1").Pid is { } now && now != pid, "service-1 is started again");
        await small.UntilHealthyAsync("service-1");
    }

    [Fact]
    public async Task A_killed_server_comes_back_with_its_data()
    {
        await QueryAsync("CREATE TABLE kept AS SELECT 42 AS id");
        var pid = small.Pid("postgres-1");

        Process.GetProcessById(pid).Kill();
        await Engines.UntilAsync(() => small.Snapshot("postgres-1").Pid is { } now && now != pid, "postgres-1 is started again");
        await small.UntilHealthyAsync("postgres-1");

        Assert.Equal(42, await QueryAsync("SELECT id FROM kept"));
    }

    [Fact]
    public async Task What_was_stopped_by_hand_stays_stopped_until_it_is_started()
    {
        await small.ExecuteAsync("sleeper-1", KnownResourceCommands.StopCommand);

        Assert.Equal(KnownResourceStates.Exited, small.Snapshot("sleeper-1").State!.Text);
        Assert.Null(small.Snapshot("sleeper-1").Pid);

        await small.ExecuteAsync("sleeper-1", KnownResourceCommands.StartCommand);
        await small.UntilHealthyAsync("sleeper-1");
    }

    [Fact]
    public async Task A_restart_is_a_new_process()
    {
        var pid = small.Pid("redis-1");

        await small.ExecuteAsync("redis-1", KnownResourceCommands.RestartCommand);
        await small.UntilHealthyAsync("redis-1");

        Assert.NotEqual(pid, small.Pid("redis-1"));
        Assert.False(Engines.IsAlive(pid));
    }

    [Fact]
    public async Task Unknown_names_and_commands_are_errors()
    {
        Assert.False((await App.ResourceCommands.ExecuteCommandAsync("nobody", "stop")).Success);
        Assert.False((await App.ResourceCommands.ExecuteCommandAsync("redis-1", "explode")).Success);
        Assert.Throws<ArgumentException>(() => App.GetEndpoint("nobody"));
        await Assert.ThrowsAsync<ArgumentException>(async () => await App.GetConnectionStringAsync("sleeper"));
    }

    [Fact]
    public void Process_ids_are_in_the_snapshot()
    {
        var property = small.Snapshot("service-1").Properties.Single(property => property.Name == "executable.pid");

        Assert.Equal(small.Pid("service-1"), property.Value);
    }

    private async Task SetIllAsync(string name, string url, bool ill)
    {
        using var http = new HttpClient { Timeout = Engines.Timeout };
        using var answer = await http.PutAsync($"{url}/ill/{ill}", null);
        answer.EnsureSuccessStatusCode();
        var expected = ill ? HealthStatus.Unhealthy : HealthStatus.Healthy;
        await Engines.UntilAsync(() => small.Snapshot(name).HealthStatus == expected, $"{name} is {expected}");
    }

    private static async Task<int> PidAtAsync(string url)
    {
        // A client of its own, so that each call is a connection of its own.
        using var http = new HttpClient { BaseAddress = new Uri(url), Timeout = Engines.Timeout };
        return int.Parse(await http.GetStringAsync("pid"));
    }

    private async Task<object?> QueryAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(await App.GetConnectionStringAsync("maindb") + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
