using Chat.Contracts;

namespace Chat.Frontend.Login;

/// <summary>Fields of the sign-in form.</summary>
public sealed class LoginForm
{
    public string? UserName { get; set; }
    public string? Password { get; set; }
    public bool Keep { get; set; }
}

/// <summary>Fields of the registration form.</summary>
public sealed class RegisterForm
{
    public string? DisplayName { get; set; }
    public string? UserName { get; set; }
    public string? Password { get; set; }
    public string? Code { get; set; }
}

/// <summary>What a refused sign-in says to the person, by the code alone.</summary>
public static class SignInProblem
{
    public static string OfLogin(ChatException refused) => refused.Code switch
    {
        ErrorCodes.Unauthorized or ErrorCodes.BadRequest or ErrorCodes.NotFound => "User name or password is not right.",
        ErrorCodes.Forbidden => "This account is switched off. Ask your administrator.",
        ErrorCodes.RateLimited => $"Too many tries. Wait {Wait(refused)} and try again.",
        _ => Unreachable,
    };

    public static string OfRegistration(ChatException refused) => refused.Code switch
    {
        ErrorCodes.Conflict => "This user name is taken. Choose another one.",
        // The platform says which rule of name or password is not met.
        ErrorCodes.BadRequest => refused.Message,
        ErrorCodes.Forbidden => "This takes the right code: the one of your invitation, or for the very first account the one that the first start printed.",
        ErrorCodes.RateLimited => $"Too many tries. Wait {Wait(refused)} and try again.",
        _ => Unreachable,
    };

    private const string Unreachable = "The server does not answer now. Nothing is lost; try again in a moment.";

    private static string Wait(ChatException refused)
    {
        var seconds = Math.Max(1, (int)Math.Ceiling((refused.RetryAfterMs ?? 60_000) / 1000.0));
        return seconds <= 90 ? $"{seconds} seconds" : $"{(seconds + 59) / 60} minutes";
    }
}
