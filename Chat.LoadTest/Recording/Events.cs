using System.Security.Cryptography;
using System.Text;

namespace Chat.LoadTest.Recording;

/// <summary>Bytes in 128 bits: what has the same print is the same bytes.</summary>
internal readonly record struct Print(UInt128 Value)
{
    public static Print Of(string text)
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes(text), hash);
        return new Print(System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash));
    }
}

/// <summary>
/// What of an event may differ each time it is read: an edited message shows other content, a deleted one none, and neither do its edits.
/// A deleted message need not say that it was edited before.
/// </summary>
internal readonly record struct Face
{
    public Face(string? content, string? editedAt = null, string? deletedAt = null)
        : this(content is null ? null : Print.Of(content), editedAt, deletedAt)
    {
    }

    public Face(Print? content, string? editedAt, string? deletedAt)
    {
        Content = content;
        EditedAt = deletedAt is null ? editedAt : null;
        DeletedAt = deletedAt;
    }

    public Print? Content { get; }

    public string? EditedAt { get; }

    public string? DeletedAt { get; }

    public override string ToString() =>
        DeletedAt is { } deleted ? $"deleted at {deleted}" : $"{(Content is { } content ? $"content {(uint)content.Value:x8}" : "no content")}{(EditedAt is { } edited ? $" edited at {edited}" : "")}";
}

/// <summary>A durable event as one client saw it. <paramref name="Print"/> is of everything that never changes.</summary>
internal readonly record struct EventSight(long Seq, string Epoch, string EventId, Print Print, Face Face)
{
    /// <summary>The same event at the same place, with the same bytes but for those that may change.</summary>
    public bool IsSameEvent(EventSight other) => this with { Face = default } == other with { Face = default };
}

/// <summary>A durable event at rest, in history or in Postgres. <paramref name="Print"/> as in <see cref="EventSight"/>.</summary>
internal sealed record StoredEvent(
    string RoomId, long Seq, string Epoch, string EventId, string EventType, string SenderId, string? ClientId, string? Content, Print Print)
{
    public string? TargetId { get; init; }

    public string? Timestamp { get; init; }

    public string? EditedAt { get; init; }

    public string? DeletedAt { get; init; }

    /// <summary>Of a message that was read with its state.</summary>
    public IReadOnlyList<ReactionSeen>? Reactions { get; init; }

    public EventSight Sight => new(Seq, Epoch, EventId, Print, Face);

    public Face Face => new(Content, EditedAt, DeletedAt);

    /// <summary>What was wanted once and made it; null where no client asked for it.</summary>
    public OperationKey? Operation => ClientId is null ? null : new OperationKey(SenderId, RoomId, ClientId);
}

/// <summary>One emoji on a message, as a reader of history sees it.</summary>
internal sealed record ReactionSeen(string Content, int Count, bool Me, IReadOnlyList<string> UserIds);

/// <summary>A room with the state of its messages, as one user reads it over one route when everything is at rest.</summary>
internal sealed record HistoryView(string Viewer, string UserId, string RoomId, IReadOnlyList<StoredEvent> Events);
