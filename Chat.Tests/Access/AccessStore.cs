using Chat.Contracts.Api;
using Chat.Data;
using Chat.Data.Model;
using Chat.Realtime.Access;
using Chat.Realtime.Redis;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;

namespace Chat.Tests.Access;

/// <summary>Access over a database and a Redis that the test may take away, with a clock that the test moves.</summary>
internal sealed class AccessStore : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private AccessStore(ServiceProvider services, FakeTimeProvider time) => (_services, Time) = (services, time);

    public FakeTimeProvider Time { get; }

    public RoomAccess Access => _services.GetRequiredService<RoomAccess>();

    public RoomAccessCopy Copy => _services.GetRequiredService<RoomAccessCopy>();

    public UnitOfWork Work => _services.GetRequiredService<UnitOfWork>();

    public IDatabase Redis => _services.GetRequiredService<IConnectionMultiplexer>().GetDatabase();

    public static async Task<AccessStore> OpenAsync(string database, string redis)
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var options = ConfigurationOptions.Parse(redis);
        options.BacklogPolicy = BacklogPolicy.FailFast;
        options.AbortOnConnectFail = false;
        var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton<TimeProvider>(time)
            .AddDbContextPool<ChatDb>(o => o.UseNpgsql(database + ";Timeout=2", n => n.EnableRetryOnFailure()))
            .AddSingleton<IConnectionMultiplexer>(await ConnectionMultiplexer.ConnectAsync(options))
            .AddSingleton<IRedisCommands, LibraryCommands>().AddSingleton<AwayCommands>()
            .AddSingleton<RoomAccessCopy>().AddSingleton<RoomAccess>()
            .AddChatModel().BuildServiceProvider();
        await services.GetRequiredService<MigrationRunner>().RunAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30));
        return new AccessStore(services, time);
    }

    /// <summary>A room with one member.</summary>
    public async Task<(string RoomId, string UserId)> RoomAsync(string kind = RoomKinds.Private, string role = Roles.Owner)
    {
        var (roomId, userId) = (Guid.NewGuid().ToString("N"), Guid.NewGuid().ToString("N"));
        await Work.TransactAsync(async (db, token) =>
        {
            db.Users.Add(new User { UserId = userId, UserName = userId, CreatedAt = DateTimeOffset.UtcNow });
            db.Rooms.Add(new Room { RoomId = roomId, Name = "Room", Kind = kind, CreatedBy = userId, CreatedAt = DateTimeOffset.UtcNow, CreatedEpoch = 3, MemberCount = 1 });
            await db.SaveChangesAsync(token);
            db.Memberships.Add(new Membership { RoomId = roomId, UserId = userId, Role = role, JoinedAt = DateTimeOffset.UtcNow });
            return true;
        }, CancellationToken.None);
        return (roomId, userId);
    }

    public Task ExecuteAsync(FormattableString sql) => Work.RunAsync((db, token) => db.Database.ExecuteSqlAsync(sql, token), CancellationToken.None);

    public async ValueTask DisposeAsync() => await _services.DisposeAsync();
}
