using System.Text.Json;
using Chat.Contracts;
using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Traffic;

/// <summary>One message that a writer wants in a room once.</summary>
/// <param name="Key">Sender, room, client_id.</param>
/// <param name="Content">What it says.</param>
/// <param name="PeerId">Set for a direct message.</param>
internal sealed record Operation(OperationKey Key, string Content, string? PeerId)
{
    private static readonly HashSet<string> Passing = [ErrorCodes.Unavailable, ErrorCodes.RateLimited, ErrorCodes.Internal];

    public static SendOutcome OutcomeOf(string code) => Passing.Contains(code) ? SendOutcome.Repeat : SendOutcome.Refused;

    public string Frame(int id) => PeerId is null
        ? JsonSerializer.Serialize(new { event_type = CommandTypes.ChatMessage, id, room_id = Key.RoomId, content = Content, client_id = Key.ClientId })
        : JsonSerializer.Serialize(new { event_type = CommandTypes.DirectMessage, id, user_id = PeerId, content = Content, client_id = Key.ClientId });
}
