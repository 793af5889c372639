using Npgsql;

namespace Chat.Tests.Access;

/// <summary>A room's row that is locked: whoever joins the room waits until it ends.</summary>
internal sealed class HeldRoom : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlTransaction _holding;

    private HeldRoom(NpgsqlConnection connection, NpgsqlTransaction holding) => (_connection, _holding) = (connection, holding);

    public static async Task<HeldRoom> HoldAsync(NpgsqlDataSource database, string roomId)
    {
        var connection = await database.OpenConnectionAsync();
        var holding = await connection.BeginTransactionAsync();
        await using var hold = connection.CreateCommand();
        hold.CommandText = $"select from rooms where room_id = '{roomId}' for update";
        await hold.ExecuteNonQueryAsync();
        return new HeldRoom(connection, holding);
    }

    public Task EndAsync() => _holding.CommitAsync();

    public async ValueTask DisposeAsync()
    {
        await _holding.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
