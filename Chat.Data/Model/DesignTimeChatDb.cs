using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace Chat.Data.Model;

/// <summary>How <c>dotnet ef migrations add</c> gets the model. It needs no server.</summary>
public sealed class DesignTimeChatDb : IDesignTimeDbContextFactory<ChatDb>
{
    public ChatDb CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<ChatDb>().UseNpgsql("Host=localhost;Database=chat").Options);
}
