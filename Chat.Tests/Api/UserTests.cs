using System.Net;

namespace Chat.Tests.Api;

[Collection(ApiCollection.Name)]
public sealed class UserTests(ApiFixture fixture)
{
    private readonly ApiHost _host = fixture.Host;

    [Fact]
    public async Task A_display_name_is_set_kept_and_removed()
    {
        var user = _host.NewUser();
        Assert.Equal("Zoë 🦊", (await user.PatchAsync("/api/me", new { display_name = "Zoë 🦊" })).Expect(HttpStatusCode.OK).Json.GetProperty("display_name").GetString());
        Assert.Equal("Zoë 🦊", (await user.PatchAsync("/api/me", new { })).Expect(HttpStatusCode.OK).Json.GetProperty("display_name").GetString());
        Assert.False((await user.PatchAsync("/api/me", new { display_name = "" })).Expect(HttpStatusCode.OK).Json.TryGetProperty("display_name", out _));
        foreach (var bad in (string[])["   ", "tab\there", "rtl\u202e", new string('x', 65)])
            (await user.PatchAsync("/api/me", new { display_name = bad })).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
    }

    [Fact]
    public async Task Users_are_found_by_the_start_of_their_name()
    {
        var mark = "f" + Guid.NewGuid().ToString("N")[..8];
        foreach (var name in (string[])[$"{mark}_b", $"{mark}_a", $"{mark}-c", $"x{mark}"]) await _host.NewUser(name).ArriveAsync();
        var seeker = _host.NewUser();
        Assert.Equal([$"{mark}-c", $"{mark}_a", $"{mark}_b"], await NamesAsync($"q={mark.ToUpperInvariant()}"));
        Assert.Equal([$"{mark}_a", $"{mark}_b"], await NamesAsync($"q={mark}_")); // an underscore is no wildcard
        Assert.Empty(await NamesAsync("q=%25"));
        var page = await seeker.GetAsync($"/api/users?q={mark}&limit=2");
        var next = page.Headers.GetValues("Link").Single().Split('<', '>')[1];
        Assert.Equal([$"{mark}_b"], (await seeker.GetAsync(next)).Expect(HttpStatusCode.OK).Json.EnumerateArray().Select(u => u.GetProperty("user_name").GetString()));
        (await seeker.GetAsync("/api/users?q=a&after=!!")).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");

        async Task<string?[]> NamesAsync(string query) =>
            [.. (await seeker.GetAsync($"/api/users?{query}")).Expect(HttpStatusCode.OK).Json.EnumerateArray().Select(u => u.GetProperty("user_name").GetString())];
    }

    [Fact]
    public async Task One_user_is_read_by_id()
    {
        var user = await _host.NewUser().ArriveAsync();
        var seen = (await _host.NewUser().GetAsync($"/api/users/{user.UserId}")).Expect(HttpStatusCode.OK).Json;
        Assert.Equal(user.UserId, seen.GetProperty("user_name").GetString());
        Assert.False(seen.TryGetProperty("password_hash", out _));
        (await user.GetAsync("/api/users/nobody")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
    }
}
