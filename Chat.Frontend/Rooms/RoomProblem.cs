using Chat.Contracts;

namespace Chat.Frontend.Rooms;

/// <summary>What a refused change to rooms says to the person, by its code.</summary>
public static class RoomProblem
{
    public static string Of(ChatException refused) => refused.Code switch
    {
        ErrorCodes.BadRequest or ErrorCodes.Conflict => refused.Message,
        ErrorCodes.Forbidden => "You may not do that here.",
        ErrorCodes.NotFound => "It is not here any more.",
        ErrorCodes.RateLimited => "That was quick. Wait a moment and try again.",
        ErrorCodes.Unauthorized => "You are signed out.",
        _ => "The server does not answer now. Try again in a moment.",
    };
}
