using System.Text.Json;

namespace Chat.Realtime.Commands;

/// <summary>
/// Reads a command straight from UTF-8. Strict: one JSON object, right types, no key twice (readers disagree about which of them counts),
/// bounded depth, finite numbers, no text that the database could not store. Unknown fields are ignored, but not excused from being JSON.
/// </summary>
internal static class CommandParser
{
    private const int MaxDepth = 16;
    private const int MaxAttachments = 20;
    private const int NameLength = 16; // no known name is longer

    /// <summary>
    /// The command, or what is wrong with the frame. The id of a bad frame is given where it could be read, so that its error can be told apart.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out Command command, out ReadOnlyMemory<byte> id, out string? error)
    {
        var fields = new Fields();
        command = default;
        try
        {
            var reader = new Utf8JsonReader(message, new JsonReaderOptions { MaxDepth = MaxDepth });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw new JsonException("not an object");
            Span<char> room = stackalloc char[NameLength];
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = TryCopy(ref reader, room, out var length) ? (ReadOnlySpan<char>)room[..length] : Text(ref reader);
                reader.Read();
                fields.Read(name, ref reader);
            }
            if (reader.Read()) throw new JsonException("more than one value");
            id = fields.Id;
            if (fields.Kind is not { } kind)
            {
                error = fields.HasEventType ? "This event_type is no command." : "event_type is missing.";
                return false;
            }
            command = fields.ToCommand(kind);
            error = null;
            return true;
        }
        // The reader throws InvalidOperationException for text that is not UTF-8 or not UTF-16 once unescaped.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            id = FindId(message);
            error = e is WrongTypeException ? e.Message : "The frame is not a JSON object in the form of a command.";
            return false;
        }
    }

    // Of a frame that is refused, whatever is wrong with it: the reply needs the id, also when it stands behind the fault. Only what is not JSON ends the search.
    private static ReadOnlyMemory<byte> FindId(ReadOnlySpan<byte> message)
    {
        try
        {
            var reader = new Utf8JsonReader(message, new JsonReaderOptions { MaxDepth = Math.Max(message.Length, 1) });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return default;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var found = IsId(ref reader);
                reader.Read();
                if (found) return Fields.IdOf(ref reader);
                reader.Skip();
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return default; // the frame breaks off before an id, or its id is none
        }
        return default;
    }

    private static bool IsId(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.ValueTextEquals("id"u8);
        }
        catch (InvalidOperationException)
        {
            return false; // half a character in a name
        }
    }

    // Known names and types are told apart without a string of their own. False for what cannot be one, or only in disguise.
    private static bool TryCopy(ref Utf8JsonReader reader, scoped Span<char> room, out int length)
    {
        length = 0;
        if (reader.ValueIsEscaped || reader.ValueSpan.Length > room.Length) return false;
        length = reader.CopyString(room);
        return true;
    }

    private static string Text(ref Utf8JsonReader reader)
    {
        var text = reader.GetString()!;
        return text.Contains('\0') ? throw new JsonException("U+0000") : text;
    }

    // Reads past a value that nobody asked for, by the same rules.
    private static void Skip(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String:
                if (reader.ValueIsEscaped) Text(ref reader);
                break;
            case JsonTokenType.Number:
                Finite(ref reader);
                break;
            case JsonTokenType.StartArray:
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray) Skip(ref reader);
                break;
            case JsonTokenType.StartObject:
                var seen = new HashSet<string>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    if (!seen.Add(Text(ref reader))) throw new JsonException("duplicate key");
                    reader.Read();
                    Skip(ref reader);
                }
                break;
        }
    }

    private static void Finite(ref Utf8JsonReader reader)
    {
        if (!reader.TryGetDouble(out var number) || !double.IsFinite(number)) throw new JsonException("number out of range");
    }

    private sealed class WrongTypeException(string message) : JsonException(message);

    private enum Field
    {
        EventType,
        Id,
        RoomId,
        UserId,
        Content,
        ContentType,
        ClientId,
        ReplyTo,
        Attachments,
        SinceSeq,
        Epoch,
        BeforeSeq,
        AfterSeq,
        Limit,
        After,
        Active,
        Seq,
        MarkUnread,
        TargetId,
        Ephemeral,
        Remove,
        State,
        AccessToken,
    }

    private struct Fields
    {
        private Command _command;
        private uint _seen; // one bit per known field
        private HashSet<string>? _others; // bounded by the size of a frame

        public ReadOnlyMemory<byte> Id { get; private set; }
        public CommandKind? Kind { get; private set; }
        public bool HasEventType { get; private set; }

        public readonly Command ToCommand(CommandKind kind) => _command with { Kind = kind, Id = Id };

        public void Read(scoped ReadOnlySpan<char> name, ref Utf8JsonReader reader)
        {
            var field = FieldOf(name);
            if (field is null ? !(_others ??= []).Add(name.ToString()) : (_seen & (1u << (int)field)) != 0) throw new JsonException("duplicate key");
            if (field is not null) _seen |= 1u << (int)field;
            switch (field)
            {
                case Field.EventType: Kind = KindOf(name, ref reader); HasEventType = true; break;
                case Field.Id: Id = IdOf(ref reader); break;
                case Field.RoomId: _command = _command with { RoomId = String(name, ref reader) }; break;
                case Field.UserId: _command = _command with { UserId = String(name, ref reader) }; break;
                case Field.Content: _command = _command with { Content = String(name, ref reader) }; break;
                case Field.ContentType: _command = _command with { ContentType = String(name, ref reader) }; break;
                case Field.ClientId: _command = _command with { ClientId = String(name, ref reader) }; break;
                case Field.ReplyTo: _command = _command with { ReplyTo = String(name, ref reader) }; break;
                case Field.Attachments: _command = _command with { Attachments = Strings(name, ref reader) }; break;
                case Field.SinceSeq: _command = _command with { SinceSeq = Natural(name, ref reader) }; break;
                case Field.Epoch: _command = _command with { Epoch = String(name, ref reader) }; break;
                case Field.BeforeSeq: _command = _command with { BeforeSeq = Natural(name, ref reader) }; break;
                case Field.AfterSeq: _command = _command with { AfterSeq = Natural(name, ref reader) }; break;
                case Field.Limit: _command = _command with { Limit = Natural(name, ref reader) }; break;
                case Field.After: _command = _command with { After = String(name, ref reader) }; break;
                case Field.Active: _command = _command with { Active = Boolean(name, ref reader) }; break;
                case Field.Seq: _command = _command with { Seq = Natural(name, ref reader) }; break;
                case Field.MarkUnread: _command = _command with { MarkUnread = Boolean(name, ref reader) }; break;
                case Field.TargetId: _command = _command with { TargetId = String(name, ref reader) }; break;
                case Field.Ephemeral: _command = _command with { Ephemeral = Boolean(name, ref reader) }; break;
                case Field.Remove: _command = _command with { Remove = Boolean(name, ref reader) }; break;
                case Field.State: _command = _command with { State = Boolean(name, ref reader) }; break;
                case Field.AccessToken: _command = _command with { AccessToken = String(name, ref reader) }; break;
                case null: Skip(ref reader); break;
            }
        }

        private static Field? FieldOf(ReadOnlySpan<char> name) => name switch
        {
            "event_type" => Field.EventType,
            "id" => Field.Id,
            "room_id" => Field.RoomId,
            "user_id" => Field.UserId,
            "content" => Field.Content,
            "content_type" => Field.ContentType,
            "client_id" => Field.ClientId,
            "reply_to" => Field.ReplyTo,
            "attachments" => Field.Attachments,
            "since_seq" => Field.SinceSeq,
            "epoch" => Field.Epoch,
            "before_seq" => Field.BeforeSeq,
            "after_seq" => Field.AfterSeq,
            "limit" => Field.Limit,
            "after" => Field.After,
            "active" => Field.Active,
            "seq" => Field.Seq,
            "mark_unread" => Field.MarkUnread,
            "target_id" => Field.TargetId,
            "ephemeral" => Field.Ephemeral,
            "remove" => Field.Remove,
            "state" => Field.State,
            "access_token" => Field.AccessToken,
            _ => null,
        };

        private static CommandKind? KindOf(scoped ReadOnlySpan<char> name, ref Utf8JsonReader reader)
        {
            MustBeString(name, ref reader);
            Span<char> room = stackalloc char[NameLength];
            return KindOf(TryCopy(ref reader, room, out var length) ? room[..length] : Text(ref reader));
        }

        private static CommandKind? KindOf(ReadOnlySpan<char> eventType) => eventType switch
        {
            Contracts.CommandTypes.ChatMessage => CommandKind.ChatMessage,
            Contracts.CommandTypes.DirectMessage => CommandKind.DirectMessage,
            Contracts.CommandTypes.DataUpdate => CommandKind.DataUpdate,
            Contracts.CommandTypes.EditMessage => CommandKind.EditMessage,
            Contracts.CommandTypes.DeleteMessage => CommandKind.DeleteMessage,
            Contracts.CommandTypes.React => CommandKind.React,
            Contracts.CommandTypes.Subscribe => CommandKind.Subscribe,
            Contracts.CommandTypes.Unsubscribe => CommandKind.Unsubscribe,
            Contracts.CommandTypes.History => CommandKind.History,
            Contracts.CommandTypes.Presence => CommandKind.Presence,
            Contracts.CommandTypes.Typing => CommandKind.Typing,
            Contracts.CommandTypes.Read => CommandKind.Read,
            Contracts.CommandTypes.Authenticate => CommandKind.Authenticate,
            Contracts.CommandTypes.Ping => CommandKind.Ping,
            _ => null,
        };

        public static byte[] IdOf(ref Utf8JsonReader reader)
        {
            if (reader.TokenType == JsonTokenType.Number)
            {
                Finite(ref reader);
                return reader.ValueSpan.ToArray();
            }
            if (reader.TokenType != JsonTokenType.String) throw new WrongTypeException("id must be a number or a string.");
            Text(ref reader);
            return [(byte)'"', .. reader.ValueSpan, (byte)'"'];
        }

        private static string String(scoped ReadOnlySpan<char> name, ref Utf8JsonReader reader)
        {
            MustBeString(name, ref reader);
            return Text(ref reader);
        }

        private static void MustBeString(scoped ReadOnlySpan<char> name, ref Utf8JsonReader reader)
        {
            if (reader.TokenType != JsonTokenType.String) throw new WrongTypeException($"{name} must be a string.");
        }

        private static bool Boolean(scoped ReadOnlySpan<char> name, ref Utf8JsonReader reader) => reader.TokenType switch
        {
            JsonTokenType.True => true,
            JsonTokenType.False => false,
            _ => throw new WrongTypeException($"{name} must be true or false."),
        };

        private static long Natural(scoped ReadOnlySpan<char> name, ref Utf8JsonReader reader) =>
            reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var number) && number >= 0
                ? number
                : throw new WrongTypeException($"{name} must be an integer, 0 or more.");

        private static List<string> Strings(scoped ReadOnlySpan<char> name, ref Utf8JsonReader reader)
        {
            if (reader.TokenType != JsonTokenType.StartArray) throw new WrongTypeException($"{name} must be an array of strings.");
            var strings = new List<string>();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (strings.Count == MaxAttachments) throw new WrongTypeException($"{name} has more than {MaxAttachments} elements.");
                strings.Add(String(name, ref reader));
            }
            return strings;
        }
    }
}
