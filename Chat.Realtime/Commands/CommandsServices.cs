namespace Chat.Realtime.Commands;

internal static class CommandsServices
{
    public static IHostApplicationBuilder AddCommands(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSingleton<RoomQueries>();
        builder.Services.AddSingleton<CommandDispatcher>();
        return builder;
    }
}
