namespace Chat.Client;

/// <summary>One page of a list.</summary>
/// <param name="Items">The elements.</param>
/// <param name="Next">Where the next page is; null on the last one. Hand it back to the same call.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? Next);
