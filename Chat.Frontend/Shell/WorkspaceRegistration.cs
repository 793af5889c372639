namespace Chat.Frontend.Shell;

/// <summary>Registers the workspace: one per circuit.</summary>
public static class WorkspaceRegistration
{
    // A text of 24,000 bytes may grow fourfold where every character is escaped twice on its way through the circuit.
    private const int MaxCircuitMessageBytes = 256 * 1024;

    public static void AddChatWorkspace(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSingleton<WorkspaceConnection>();
        builder.Services.AddScoped<Workspace>();
        builder.Services.Configure<Microsoft.AspNetCore.SignalR.HubOptions>(options => options.MaximumReceiveMessageSize = MaxCircuitMessageBytes);
    }
}
