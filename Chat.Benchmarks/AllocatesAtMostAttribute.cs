namespace Chat.Benchmarks;

/// <summary>The gate of a benchmark: how much one operation may allocate. <see cref="AllocationGates"/> measures it.</summary>
/// <param name="bytes">Bytes on the managed heap per operation, object headers included.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class AllocatesAtMostAttribute(int bytes) : Attribute
{
    public int Bytes => bytes;
}
