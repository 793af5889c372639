using Chat.Contracts;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;

namespace Chat.Frontend.Session;

/// <summary>Signs a browser in and out: tokens into Redis, their key into an HTTP-only cookie.</summary>
public sealed partial class SignIn(SharedTokens tokens, AnonymousApi api, TimeProvider time, ILogger<SignIn> log)
{
    /// <param name="context">The request of the sign-in form.</param>
    /// <param name="session">What the platform answered.</param>
    /// <param name="keep">True to stay signed in when the browser closes.</param>
    public async Task InAsync(HttpContext context, Contracts.Api.Session session, bool keep)
    {
        var browser = BrowserSession.New(session);
        await tokens.StoreAsync(browser, StoredTokens.From(session, time.GetUtcNow()));
        await context.SignInAsync(
            CookieAuthenticationDefaults.AuthenticationScheme,
            browser.ToPrincipal(),
            new AuthenticationProperties { IsPersistent = keep, ExpiresUtc = time.GetUtcNow() + SharedTokens.Lifetime });
    }

    public async Task OutAsync(HttpContext context)
    {
        if (BrowserSession.From(context.User) is { } browser) await EndAsync(browser);
        await context.SignOutAsync(CookieAuthenticationDefaults.AuthenticationScheme);
    }

    // The browser is signed out whatever can be reached; a session that nobody could be told about ends by itself.
    private async Task EndAsync(BrowserSession browser)
    {
        try
        {
            var stored = await tokens.ReadAsync(browser);
            await tokens.ForgetAsync(browser);
            if (stored is not null) await api.Calls.LogoutAsync(stored.RefreshToken);
        }
        catch (ChatException refused)
        {
            Log.NotTold(log, browser.UserId, refused.Code);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(6002, LogLevel.Warning, "{UserId} signed out, but the platform could not be told ({Code}); the session ends when its tokens do", EventName = "SignOutNotTold")]
        public static partial void NotTold(ILogger logger, string userId, string code);
    }
}
