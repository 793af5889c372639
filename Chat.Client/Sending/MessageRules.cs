using System.Text;
using System.Text.Json;
using Chat.Contracts;

namespace Chat.Client.Sending;

/// <summary>What is refused before it goes out, since the server would close the connection for it or could not know what was meant.</summary>
internal static class MessageRules
{
    // Room for the id that is added when it is sent: ,"id":9223372036854775807
    private const int RoomForId = 32;
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="ChatException"><c>bad_request</c> or <c>too_large</c>.</exception>
    public static void Check(ClientCommand command)
    {
        try
        {
            if (Strict.GetByteCount(command.Content ?? "") > ProtocolLimits.MaxContentBytes)
                throw new ChatException(ErrorCodes.TooLarge, $"A message has at most {ProtocolLimits.MaxContentBytes} bytes of UTF-8.");
        }
        catch (EncoderFallbackException)
        {
            // Written as JSON it would silently become another text.
            throw new ChatException(ErrorCodes.BadRequest, "The text has an unpaired surrogate.");
        }
        if (command.ClientId is { Length: 0 or > ProtocolLimits.MaxClientIdLength })
            throw new ChatException(ErrorCodes.BadRequest, $"A client_id has 1 to {ProtocolLimits.MaxClientIdLength} characters.");
        if (JsonSerializer.SerializeToUtf8Bytes(command, ChatJson.Wire.ClientCommand).Length > ProtocolLimits.MaxMessageBytes - RoomForId)
            throw new ChatException(ErrorCodes.TooLarge, $"Written as JSON, a message has at most {ProtocolLimits.MaxMessageBytes} bytes: too many quotes, backslashes or control characters.");
    }
}
