using Chat.Contracts.Api;

namespace Chat.Client;

/// <summary>
/// The HTTP API, typed. Every refusal is a <see cref="Contracts.ChatException"/> with the code of the problem details; a network
/// failure or a time-out is one with <c>unavailable</c>. Thread-safe.
/// </summary>
/// <param name="http">Client whose <see cref="HttpClient.BaseAddress"/> is the origin of the platform.</param>
/// <param name="accessTokenProvider">Gives the bearer token of a call; needed for everything but register, login, refresh and logout.</param>
public sealed partial class ChatApi(HttpClient http, Func<CancellationToken, Task<string?>>? accessTokenProvider = null)
{
    // Accounts and sessions.

    /// <summary>Makes an account and signs it in. <c>conflict</c> when the name is taken, <c>bad_request</c> when name or password are not good enough.</summary>
    public Task<Session> RegisterAsync(RegisterRequest request, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Signs in. <c>unauthorized</c> for a wrong name or password, <c>rate_limited</c> after repeated failures.</summary>
    public Task<Session> LoginAsync(string userName, string password, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Exchanges a refresh token for new tokens. Each can be used once: keep the new one, and never use one twice.</summary>
    public Task<Session> RefreshAsync(string refreshToken, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Ends a session.</summary>
    public Task LogoutAsync(string refreshToken, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>A one-time ticket for a handshake, good for 30 s: <c>/ws?ticket=…</c>.</summary>
    public Task<Ticket> CreateTicketAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    // People.

    /// <summary>The signed-in user.</summary>
    public Task<UserInfo> GetMeAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Changes the user's display name.</summary>
    public Task<UserInfo> UpdateMeAsync(ProfileChange change, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Changes the user's password.</summary>
    public Task ChangePasswordAsync(string oldPassword, string newPassword, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Users whose name starts with <paramref name="prefix"/>.</summary>
    public Task<IReadOnlyList<UserInfo>> FindUsersAsync(string prefix, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>One user.</summary>
    public Task<UserInfo> GetUserAsync(string userId, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    // Rooms and membership.

    /// <summary>The user's rooms with unread counts.</summary>
    public Task<IReadOnlyList<RoomSummary>> GetMyRoomsAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Public rooms, filtered by <paramref name="query"/> when given; <see cref="Page{T}.Next"/> leads on.</summary>
    public Task<Page<RoomSummary>> GetPublicRoomsAsync(string? query = null, string? next = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Makes a room; the user owns it. <c>conflict</c> when the id is taken.</summary>
    public Task<RoomSummary> CreateRoomAsync(CreateRoomRequest request, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Changes name, topic or kind.</summary>
    public Task<RoomSummary> UpdateRoomAsync(string roomId, RoomChange change, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Deletes a room.</summary>
    public Task DeleteRoomAsync(string roomId, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>The direct room with another user, made when there is none.</summary>
    public Task<RoomSummary> GetDirectRoomAsync(string userId, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Joins a public room.</summary>
    public Task JoinRoomAsync(string roomId, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Leaves a room. <c>conflict</c> for the last owner while others are in.</summary>
    public Task LeaveRoomAsync(string roomId, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Members of a room; <see cref="Page{T}.Next"/> leads on.</summary>
    public Task<Page<Member>> GetMembersAsync(string roomId, string? next = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Adds a member, or sets their role.</summary>
    public Task AddMemberAsync(string roomId, string userId, string? role = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Removes a member.</summary>
    public Task RemoveMemberAsync(string roomId, string userId, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    // Messages.

    /// <summary>A page of history, ascending; with <paramref name="wait"/> (up to 30 s) and <paramref name="afterSeq"/> a long poll.</summary>
    public Task<HistoryPage> GetMessagesAsync(string roomId, long? beforeSeq = null, long? afterSeq = null, int? limit = null, TimeSpan? wait = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Sends a message. Give a <c>client_id</c> and repeat with the same one after <c>unavailable</c>.</summary>
    public Task<SendReceipt> SendMessageAsync(string roomId, SendMessageRequest request, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Moves the user's read marker.</summary>
    public Task<ReadReceipt> MarkReadAsync(string roomId, long seq, bool? markUnread = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
}
