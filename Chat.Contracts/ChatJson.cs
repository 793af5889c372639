using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Chat.Contracts.Api;

namespace Chat.Contracts;

/// <summary>
/// The JSON of the wire: UTF-8, snake_case, absent instead of null, times in ISO-8601 UTC with milliseconds and <c>Z</c>, unknown fields ignored.
/// Use <see cref="Default"/>; its options are source-generated.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(UtcMillisecondsConverter)])]
[JsonSerializable(typeof(ChatEvent))]
[JsonSerializable(typeof(ClientCommand))]
[JsonSerializable(typeof(ServerReply))]
[JsonSerializable(typeof(NodeLease))]
[JsonSerializable(typeof(RegisterRequest))]
[JsonSerializable(typeof(RegistrationInfo))]
[JsonSerializable(typeof(LoginRequest))]
[JsonSerializable(typeof(RefreshRequest))]
[JsonSerializable(typeof(Session))]
[JsonSerializable(typeof(Ticket))]
[JsonSerializable(typeof(SessionInfo))]
[JsonSerializable(typeof(IReadOnlyList<SessionInfo>))]
[JsonSerializable(typeof(UserInfo))]
[JsonSerializable(typeof(IReadOnlyList<UserInfo>))]
[JsonSerializable(typeof(ProfileChange))]
[JsonSerializable(typeof(PasswordChange))]
[JsonSerializable(typeof(CreateRoomRequest))]
[JsonSerializable(typeof(RoomChange))]
[JsonSerializable(typeof(DirectRoomRequest))]
[JsonSerializable(typeof(AddMemberRequest))]
[JsonSerializable(typeof(NotifyRequest))]
[JsonSerializable(typeof(ReadRequest))]
[JsonSerializable(typeof(ReadReceipt))]
[JsonSerializable(typeof(RoomSummary))]
[JsonSerializable(typeof(IReadOnlyList<RoomSummary>))]
[JsonSerializable(typeof(Member))]
[JsonSerializable(typeof(IReadOnlyList<Member>))]
[JsonSerializable(typeof(SendMessageRequest))]
[JsonSerializable(typeof(SendReceipt))]
[JsonSerializable(typeof(HistoryPage))]
[JsonSerializable(typeof(Problem))]
public sealed partial class ChatJson : JsonSerializerContext
{
    /// <summary>The context with text left readable: only what JSON itself demands is escaped.</summary>
    public static ChatJson Wire => Relaxed.Context;

    // A class of its own: the order of static initialisers across partial files is not defined.
    private static class Relaxed
    {
        public static readonly ChatJson Context =
            new(new JsonSerializerOptions(Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }
}

/// <summary>Times as <c>2026-11-24T09:31:07.123Z</c>.</summary>
public sealed class UtcMillisecondsConverter : JsonConverter<DateTimeOffset>
{
    private const string Format = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetDateTimeOffset().ToUniversalTime();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(ToText(value));

    /// <summary>The wire form of <paramref name="time"/>.</summary>
    public static string ToText(DateTimeOffset time) => time.UtcDateTime.ToString(Format, CultureInfo.InvariantCulture);
}
