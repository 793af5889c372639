namespace Chat.LoadTest.Checking;

/// <summary>One broken promise, with what is needed to look for it in logs and database.</summary>
internal sealed record Violation(string Verdict, string RoomId, string Detail, TimeSpan? At = null);
