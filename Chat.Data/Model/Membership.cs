namespace Chat.Data.Model;

/// <summary>A user in a room.</summary>
public sealed class Membership
{
    public required string RoomId { get; init; }
    public required string UserId { get; init; }
    /// <summary>One of <see cref="Chat.Contracts.Api.Roles"/>.</summary>
    public required string Role { get; set; }
    public required DateTimeOffset JoinedAt { get; init; }
    /// <summary>One of <see cref="Chat.Contracts.Api.NotifyLevels"/>.</summary>
    public string Notify { get; set; } = Chat.Contracts.Api.NotifyLevels.All;
}
