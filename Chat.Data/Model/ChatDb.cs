using System.Text;
using Chat.Contracts.Api;
using Microsoft.EntityFrameworkCore;

namespace Chat.Data.Model;

/// <summary>
/// Accounts, rooms, membership and history in Postgres. Names are snake_case; ids and names compare byte by byte (collation C), so that
/// order is the same in every process and a prefix search can use an index.
/// </summary>
public sealed class ChatDb(DbContextOptions<ChatDb> options) : DbContext(options)
{
    public DbSet<User> Users => Set<User>();
    public DbSet<SignIn> SignIns => Set<SignIn>();
    public DbSet<RefreshToken> RefreshTokens => Set<RefreshToken>();
    public DbSet<Room> Rooms => Set<Room>();
    public DbSet<Membership> Memberships => Set<Membership>();
    public DbSet<ReadMarker> ReadMarkers => Set<ReadMarker>();
    public DbSet<StoredEvent> Events => Set<StoredEvent>();
    public DbSet<OutboxEntry> Outbox => Set<OutboxEntry>();
    public DbSet<LogPosition> LogPositions => Set<LogPosition>();
    public DbSet<NumberingShard> Numbering => Set<NumberingShard>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<User>(user =>
        {
            user.ToTable("users").HasKey(u => u.UserId);
            user.HasIndex(u => u.UserName).IsUnique();
            user.Property(u => u.Admin).HasDefaultValue(false);
            user.Property(u => u.Disabled).HasDefaultValue(false);
        });
        modelBuilder.Entity<SignIn>(signIn =>
        {
            signIn.ToTable("sessions").HasKey(s => s.SessionId);
            signIn.HasIndex(s => s.UserId);
            signIn.HasOne<User>().WithMany().HasForeignKey(s => s.UserId).OnDelete(DeleteBehavior.Cascade);
        });
        modelBuilder.Entity<RefreshToken>(token =>
        {
            token.ToTable("refresh_tokens").HasKey(t => t.TokenHash);
            token.HasIndex(t => t.SessionId);
            token.HasOne<SignIn>().WithMany().HasForeignKey(t => t.SessionId).OnDelete(DeleteBehavior.Cascade);
        });
        modelBuilder.Entity<Room>(room =>
        {
            room.ToTable("rooms").HasKey(r => r.RoomId);
            room.Property(r => r.AccessVersion).HasDefaultValue(0L);
            room.Property(r => r.HeadSeq).HasDefaultValue(0L);
            room.Property(r => r.FirstSeq).HasDefaultValue(0L);
            room.Property(r => r.PersistedEpoch).HasDefaultValue(0);
            room.Property(r => r.MemberCount).HasDefaultValue(0);
            room.HasIndex(r => new { r.Name, r.RoomId }).HasFilter("kind = 'public' and deleted_at is null");
        });
        modelBuilder.Entity<Membership>(membership =>
        {
            membership.ToTable("members").HasKey(m => new { m.RoomId, m.UserId });
            membership.HasIndex(m => m.UserId);
            membership.Property(m => m.Notify).HasDefaultValue(NotifyLevels.All);
            membership.HasOne<Room>().WithMany().HasForeignKey(m => m.RoomId).OnDelete(DeleteBehavior.Cascade);
            membership.HasOne<User>().WithMany().HasForeignKey(m => m.UserId).OnDelete(DeleteBehavior.Cascade);
        });
        modelBuilder.Entity<ReadMarker>().ToTable("read_markers").HasKey(m => new { m.UserId, m.RoomId });
        modelBuilder.Entity<StoredEvent>(stored =>
        {
            stored.ToTable("events").HasKey(e => new { e.RoomId, e.Seq });
            stored.HasIndex(e => e.EventId);
            // Events come nearly in the order of their times, so a few bytes for each stretch of the table say where a day of it is.
            stored.HasIndex(e => e.Ts, "ix_events_ts").HasMethod("brin").HasStorageParameter("autosummarize", true);
            stored.HasIndex(e => new { e.RoomId, e.Seq }, "ix_events_unread").HasFilter("event_type = 'chat_message'");
            stored.HasIndex(e => new { e.RoomId, e.Seq }, "ix_events_mentions").HasFilter(StoredEvent.MentionsSomebody);
            // A quote inside a JSON string is escaped, so this stands only where the field begins.
            stored.Property(e => e.ReplyTo).HasComputedColumnSql(
                """substring(body from '"reply_to":"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"')::uuid""", stored: true);
            stored.HasIndex(e => new { e.RoomId, e.TargetId, e.EventType, e.Seq }, "ix_events_targets").HasFilter("target_id is not null");
            stored.HasIndex(e => new { e.RoomId, e.ReplyTo, e.Seq }, "ix_events_replies").HasFilter("reply_to is not null");
        });
        modelBuilder.Entity<OutboxEntry>(entry =>
        {
            entry.ToTable("outbox").HasKey(o => o.EventId);
            entry.HasIndex(o => o.CreatedAt).HasFilter("sent_at is null");
        });
        modelBuilder.Entity<LogPosition>(position =>
        {
            position.ToTable("log_positions").HasKey(p => p.Partition);
            position.Property(p => p.Partition).ValueGeneratedNever();
        });
        modelBuilder.Entity<NumberingShard>(shard =>
        {
            shard.ToTable("numbering").HasKey(s => s.Shard);
            shard.Property(s => s.Shard).ValueGeneratedNever();
        });
        NameInSnakeCase(modelBuilder);
    }

    private static void NameInSnakeCase(ModelBuilder modelBuilder)
    {
        foreach (var entity in modelBuilder.Model.GetEntityTypes())
        {
            foreach (var property in entity.GetProperties())
            {
                property.SetColumnName(SnakeCase(property.Name));
                if (property.ClrType == typeof(string) && (property.Name.EndsWith("Id", StringComparison.Ordinal) || property.Name is "UserName" or "Name"))
                    property.SetCollation("C");
            }
            foreach (var key in entity.GetKeys()) key.SetName("pk_" + entity.GetTableName());
            foreach (var key in entity.GetForeignKeys())
                key.SetConstraintName($"fk_{entity.GetTableName()}_{key.PrincipalEntityType.GetTableName()}");
            foreach (var index in entity.GetIndexes())
                index.SetDatabaseName(index.Name ?? $"ix_{entity.GetTableName()}_{string.Join('_', index.Properties.Select(p => p.GetColumnName()))}");
        }
    }

    private static string SnakeCase(string name)
    {
        var text = new StringBuilder(name.Length + 4);
        foreach (var c in name)
        {
            if (char.IsUpper(c) && text.Length > 0) text.Append('_');
            text.Append(char.ToLowerInvariant(c));
        }
        return text.ToString();
    }
}
