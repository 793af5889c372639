namespace Chat.LocalKafka.Log;

/// <summary>Sequence numbers of idempotent producers: 0 to 2^31-1, then 0 again.</summary>
internal static class Sequence
{
    public static int Add(int sequence, int increment) => (int)((sequence + (long)increment) & int.MaxValue);

    public static bool Follows(int last, int next) => next == Add(last, 1);
}
