using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;

namespace Chat.Tests.Clients;

/// <summary>A plain web server with the files of one folder of the repository, at an origin of its own.</summary>
internal sealed class ServedFolder(WebApplication app) : IAsyncDisposable
{
    public static async Task<ServedFolder> StartAsync(Uri origin, string folder)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(origin.AbsoluteUri);
        var app = builder.Build();
        app.UseFileServer(new FileServerOptions { FileProvider = new PhysicalFileProvider(Path.GetFullPath(folder)) });
        await app.StartAsync();
        return new ServedFolder(app);
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();
}
