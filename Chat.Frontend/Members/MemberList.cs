using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Frontend.Members;

/// <summary>A member as the pane shows them.</summary>
public sealed record MemberRow(string UserId, string UserName, string Name, string Role, Presence Presence, bool IsMe);

/// <summary>
/// The members of the open room. Keeps at most <see cref="Capacity"/> of them; of larger rooms the number is known and the first
/// ones are listed.
/// </summary>
public sealed class MemberList(string userId)
{
    public const int Capacity = 500;
    private readonly Dictionary<string, Member> _members = new(StringComparer.Ordinal);

    public bool Loaded { get; private set; }
    /// <summary>True when the room has more members than are listed.</summary>
    public bool HasMore { get; private set; }
    public int Count => _members.Count;

    public void Load(IEnumerable<Member> members, bool hasMore)
    {
        _members.Clear();
        foreach (var member in members.Take(Capacity)) _members[member.UserId] = member;
        HasMore = hasMore;
        Loaded = true;
    }

    /// <summary>Takes in who joined or left; true when the list changes.</summary>
    public bool Receive(ChatEvent e)
    {
        if (!Loaded || e.SenderId is not { } user) return false;
        switch (e.EventType)
        {
            case EventTypes.UserJoin when !_members.ContainsKey(user) && _members.Count < Capacity:
                _members[user] = new Member(user, e.SenderName ?? user, e.SenderName, Roles.Member, e.Timestamp ?? DateTimeOffset.UnixEpoch);
                return true;
            case EventTypes.UserLeave:
                return _members.Remove(user);
            default:
                return false;
        }
    }

    public int Online(PresenceBook presence) => _members.Keys.Count(user => user == userId || presence.Of(user).Status != PresenceStatus.Offline);

    /// <summary>Members in the order of the pane: online, away, offline; in each the owners first, then by name.</summary>
    public IReadOnlyList<IGrouping<string, MemberRow>> Sections(PresenceBook presence, string? find)
    {
        var rows = _members.Values
            .Select(m => new MemberRow(m.UserId, m.UserName, m.DisplayName ?? m.UserName, m.Role,
                // Who reads this is here, whatever the last event said.
                m.UserId == userId ? new Presence(PresenceStatus.Online, null) : presence.Of(m.UserId), m.UserId == userId));
        if (!string.IsNullOrWhiteSpace(find))
        {
            var part = find.Trim();
            rows = rows.Where(r => r.Name.Contains(part, StringComparison.OrdinalIgnoreCase) || r.UserName.Contains(part, StringComparison.OrdinalIgnoreCase));
        }
        return [.. rows
            .OrderBy(r => RoleOrder(r.Role)).ThenBy(r => r.Name, StringComparer.OrdinalIgnoreCase).ThenBy(r => r.UserId, StringComparer.Ordinal)
            .GroupBy(r => r.Presence.Status)
            .OrderBy(g => StatusOrder(g.Key))];
    }

    private static int RoleOrder(string role) => role switch { Roles.Owner => 0, Roles.Moderator => 1, _ => 2 };

    private static int StatusOrder(string status) => status switch { PresenceStatus.Online => 0, PresenceStatus.Away => 1, _ => 2 };
}
