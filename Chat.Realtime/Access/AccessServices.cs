namespace Chat.Realtime.Access;

internal static class AccessServices
{
    public static IHostApplicationBuilder AddAccess(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<RoomAccessCopy>();
        services.AddSingleton<RoomAccess>();
        services.AddSingleton<MembershipEvents>();
        services.AddSingleton<PublicJoins>();
        services.AddSingleton<DirectRooms>();
        services.AddSingleton<Memberships>();
        services.AddSingleton<Rooms>();
        services.AddSingleton<NewestEvents>();
        services.AddSingleton<RoomList>();
        services.AddSingleton<NotifyChoice>();
        services.AddHostedService<DeletedRooms>();
        return builder;
    }
}
