using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Client;

/// <summary>
/// The HTTP API, typed. Every refusal is a <see cref="ChatException"/> with the code of the problem details; a network failure or a
/// time-out is one with <c>unavailable</c>. Nothing is repeated by itself. Thread-safe.
/// </summary>
/// <param name="http">Client whose <see cref="HttpClient.BaseAddress"/> is the origin of the platform.</param>
/// <param name="accessTokenProvider">Gives the bearer token of a call; needed for everything but register, login, refresh and logout.</param>
public sealed class ChatApi(HttpClient http, Func<CancellationToken, Task<string?>>? accessTokenProvider = null)
{
    private static readonly ChatJson Json = ChatJson.Wire;
    // A hundred thousand rooms. Who is told of more pages than that is led in a circle.
    private const int MaxRoomPages = 100;
    private readonly ApiCaller _caller = new(http, accessTokenProvider);

    // Accounts and sessions.

    /// <summary>Makes an account and signs it in. <c>conflict</c> when the name is taken, <c>bad_request</c> when name or password are not good enough.</summary>
    public Task<Session> RegisterAsync(RegisterRequest request, CancellationToken cancellationToken = default) =>
        _caller.AnonymousAsync("api/auth/register", request, Json.RegisterRequest, Json.Session, cancellationToken);

    /// <summary>What a registration takes now, and whether its account would be the first: the admin.</summary>
    public Task<RegistrationInfo> GetRegistrationAsync(CancellationToken cancellationToken = default) =>
        _caller.AnonymousAsync("api/auth/register", Json.RegistrationInfo, cancellationToken);

    /// <summary>Signs in. <c>unauthorized</c> for a wrong name or password, <c>rate_limited</c> after repeated failures.</summary>
    public Task<Session> LoginAsync(string userName, string password, CancellationToken cancellationToken = default) =>
        _caller.AnonymousAsync("api/auth/login", new LoginRequest(userName, password), Json.LoginRequest, Json.Session, cancellationToken);

    /// <summary>Exchanges a refresh token for new tokens. Each can be used once: keep the new one, and never use one twice.</summary>
    public Task<Session> RefreshAsync(string refreshToken, CancellationToken cancellationToken = default) =>
        _caller.AnonymousAsync("api/auth/refresh", new RefreshRequest(refreshToken), Json.RefreshRequest, Json.Session, cancellationToken);

    /// <summary>Ends a session and its connections.</summary>
    public Task LogoutAsync(string refreshToken, CancellationToken cancellationToken = default) =>
        _caller.AnonymousAsync("api/auth/logout", new RefreshRequest(refreshToken), Json.RefreshRequest, cancellationToken);

    /// <summary>A one-time ticket for a handshake, good for 30 s: <c>/ws?ticket=…</c>.</summary>
    public Task<Ticket> CreateTicketAsync(CancellationToken cancellationToken = default) =>
        _caller.SendAsync(HttpMethod.Post, "api/auth/ticket", Json.Ticket, cancellationToken);

    /// <summary>The user's sessions, newest use first.</summary>
    public Task<IReadOnlyList<SessionInfo>> GetSessionsAsync(CancellationToken cancellationToken = default) =>
        _caller.GetAsync("api/me/sessions", Json.IReadOnlyListSessionInfo, cancellationToken);

    /// <summary>Ends a session of the user and its connections.</summary>
    public Task EndSessionAsync(string sessionId, CancellationToken cancellationToken = default) =>
        _caller.SendAsync(HttpMethod.Delete, $"api/me/sessions/{Uri.EscapeDataString(sessionId)}", cancellationToken);

    // People.

    /// <summary>The signed-in user.</summary>
    public Task<UserInfo> GetMeAsync(CancellationToken cancellationToken = default) => _caller.GetAsync("api/me", Json.UserInfo, cancellationToken);

    /// <summary>Changes the user's display name.</summary>
    public Task<UserInfo> UpdateMeAsync(ProfileChange change, CancellationToken cancellationToken = default) =>
        _caller.SendAsync(HttpMethod.Patch, "api/me", change, Json.ProfileChange, Json.UserInfo, cancellationToken);

    /// <summary>Changes the user's password. <c>unauthorized</c> or <c>forbidden</c> when the old one is wrong.</summary>
    public Task ChangePasswordAsync(string oldPassword, string newPassword, CancellationToken cancellationToken = default) =>
        _caller.SendAsync(HttpMethod.Put, "api/me/password", new PasswordChange(oldPassword, newPassword), Json.PasswordChange, cancellationToken);

    /// <summary>Users whose name starts with <paramref name="prefix"/>.</summary>
    public Task<IReadOnlyList<UserInfo>> FindUsersAsync(string prefix, CancellationToken cancellationToken = default) =>
        _caller.GetAsync($"api/users?q={Uri.EscapeDataString(prefix)}", Json.IReadOnlyListUserInfo, cancellationToken);

    /// <summary>One user.</summary>
    public Task<UserInfo> GetUserAsync(string userId, CancellationToken cancellationToken = default) =>
        _caller.GetAsync($"api/users/{Uri.EscapeDataString(userId)}", Json.UserInfo, cancellationToken);

    // Rooms and membership.

    /// <summary>All of the user's rooms with unread counts, newest activity first. It is one call for each 1,000 rooms.</summary>
    public async Task<IReadOnlyList<RoomSummary>> GetMyRoomsAsync(CancellationToken cancellationToken = default)
    {
        var page = await _caller.GetPageAsync("api/rooms", Json.IReadOnlyListRoomSummary, cancellationToken);
        if (page.Next is null) return page.Items;
        var rooms = new List<RoomSummary>(page.Items);
        for (var pages = 1; page.Next is { } next; pages++)
        {
            if (pages == MaxRoomPages) throw new ChatException(ErrorCodes.Internal, "The list of rooms does not end.");
            page = await _caller.GetPageAsync(next, Json.IReadOnlyListRoomSummary, cancellationToken);
            rooms.AddRange(page.Items);
        }
        // Each page is in the order of its own rooms only.
        return [.. rooms.OrderByDescending(room => room.LastEvent?.Timestamp)];
    }

    /// <summary>Public rooms, filtered by <paramref name="query"/> when given; <see cref="Page{T}.Next"/> leads on.</summary>
    public Task<Page<RoomSummary>> GetPublicRoomsAsync(string? query = null, string? next = null, CancellationToken cancellationToken = default) =>
        _caller.GetPageAsync(next ?? $"api/rooms?public=true{(query is null ? "" : $"&q={Uri.EscapeDataString(query)}")}", Json.IReadOnlyListRoomSummary, cancellationToken);

    /// <summary>Makes a room; the user owns it. <c>conflict</c> when the id is taken.</summary>
    public Task<RoomSummary> CreateRoomAsync(CreateRoomRequest request, CancellationToken cancellationToken = default) =>
        _caller.SendAsync(HttpMethod.Post, "api/rooms", request, Json.CreateRoomRequest, Json.RoomSummary, cancellationToken);

    /// <summary>One room.</summary>
    public Task<RoomSummary> GetRoomAsync(string roomId, CancellationToken cancellationToken = default) =>
        _caller.GetAsync(Room(roomId), Json.RoomSummary, cancellationToken);

    /// <summary>Changes name, topic or kind.</summary>
    public Task<RoomSummary> UpdateRoomAsync(string roomId, RoomChange change, CancellationToken cancellationToken = default) =>
        _caller.SendAsync(HttpMethod.Patch, Room(roomId), change, Json.RoomChange, Json.RoomSummary, cancellationToken);

    /// <summary>Deletes a room.</summary>
    public Task DeleteRoomAsync(string roomId, CancellationToken cancellationToken = default) =>
        _caller.SendAsync(HttpMethod.Delete, Room(roomId), cancellationToken);

    /// <summary>The direct room with another user, made when there is none.</summary>
    public Task<RoomSummary> GetDirectRoomAsync(string userId, CancellationToken cancellationToken = default) =>
        _caller.SendAsync(HttpMethod.Post, "api/rooms/direct", new DirectRoomRequest(userId), Json.DirectRoomRequest, Json.RoomSummary, cancellationToken);

    /// <summary>Joins a public room.</summary>
    public Task<RoomSummary> JoinRoomAsync(string roomId, CancellationToken cancellationToken = default) =>
        _caller.SendAsync(HttpMethod.Post, Room(roomId, "/join"), Json.RoomSummary, cancellationToken);

    /// <summary>Leaves a room. <c>conflict</c> for the last owner while others are in.</summary>
    public Task LeaveRoomAsync(string roomId, CancellationToken cancellationToken = default) =>
        _caller.SendAsync(HttpMethod.Post, Room(roomId, "/leave"), cancellationToken);

    /// <summary>Members of a room; <see cref="Page{T}.Next"/> leads on.</summary>
    public Task<Page<Member>> GetMembersAsync(string roomId, string? next = null, CancellationToken cancellationToken = default) =>
        _caller.GetPageAsync(next ?? Room(roomId, "/members"), Json.IReadOnlyListMember, cancellationToken);

    /// <summary>Adds a member, or sets their role.</summary>
    public Task<Member> AddMemberAsync(string roomId, string userId, string? role = null, CancellationToken cancellationToken = default) =>
        _caller.SendAsync(HttpMethod.Post, Room(roomId, "/members"), new AddMemberRequest(userId, role), Json.AddMemberRequest, Json.Member, cancellationToken);

    /// <summary>Removes a member.</summary>
    public Task RemoveMemberAsync(string roomId, string userId, CancellationToken cancellationToken = default) =>
        _caller.SendAsync(HttpMethod.Delete, Room(roomId, $"/members/{Uri.EscapeDataString(userId)}"), cancellationToken);

    // Messages.

    /// <summary>A page of history, ascending; with <paramref name="wait"/> (whole seconds, up to 30) and <paramref name="afterSeq"/> a long poll.</summary>
    public Task<HistoryPage> GetMessagesAsync(
        string roomId, long? beforeSeq = null, long? afterSeq = null, int? limit = null, TimeSpan? wait = null, CancellationToken cancellationToken = default)
    {
        var query = new QueryText().Add("before_seq", beforeSeq).Add("after_seq", afterSeq).Add("limit", limit).Add("wait", (long?)wait?.TotalSeconds);
        return _caller.GetAsync(Room(roomId, $"/messages{query}"), Json.HistoryPage, cancellationToken);
    }

    /// <summary>Sends a message. Give a <c>client_id</c>, and repeat with the same one after <c>unavailable</c>.</summary>
    public Task<SendReceipt> SendMessageAsync(string roomId, SendMessageRequest request, CancellationToken cancellationToken = default) =>
        _caller.SendAsync(HttpMethod.Post, Room(roomId, "/messages"), request, Json.SendMessageRequest, Json.SendReceipt, cancellationToken);

    /// <summary>Moves the user's read marker.</summary>
    public Task<ReadReceipt> MarkReadAsync(string roomId, long seq, bool? markUnread = null, CancellationToken cancellationToken = default) =>
        _caller.SendAsync(HttpMethod.Post, Room(roomId, "/read"), new ReadRequest(seq, markUnread), Json.ReadRequest, Json.ReadReceipt, cancellationToken);

    private static string Room(string roomId, string rest = "") => $"api/rooms/{Uri.EscapeDataString(roomId)}{rest}";
}
