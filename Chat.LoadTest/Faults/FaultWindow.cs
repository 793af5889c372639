namespace Chat.LoadTest.Faults;

/// <summary>A fault that was done: from the first harm until everything was healthy again.</summary>
internal sealed record FaultWindow(string Name, string Target, TimeSpan From, TimeSpan HealedAt, TimeSpan HealthyAt);
