using System.Reflection;
using BenchmarkDotNet.Attributes;

namespace Chat.Benchmarks;

/// <summary>
/// What each benchmark allocates per operation, measured without the benchmark runner: allocations, unlike times, are the same on every machine, so
/// tests can hold them to a limit.
/// </summary>
public static class AllocationGates
{
    // Enough for tiered compilation to have replaced the first code, which allocates more.
    private const int WarmUp = 200;
    private const int Measured = 100;

    /// <summary>All benchmark classes.</summary>
    public static IReadOnlyList<Type> Benchmarks { get; } =
        [.. typeof(AllocationGates).Assembly.GetTypes().Where(type => type.GetMethods().Any(method => method.GetCustomAttribute<BenchmarkAttribute>() is not null))];

    /// <summary>All benchmarks that have a gate, as <c>Class.Method</c>.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. from type in Benchmarks from method in type.GetMethods() where method.GetCustomAttribute<AllocatesAtMostAttribute>() is not null select $"{type.Name}.{method.Name}"];

    /// <summary>Bytes per operation of the benchmark <paramref name="name"/>, and how many its gate allows.</summary>
    public static (double PerOperation, int Allowed) Measure(string name)
    {
        var type = Benchmarks.Single(type => name.StartsWith($"{type.Name}.", StringComparison.Ordinal));
        var method = type.GetMethod(name[(type.Name.Length + 1)..])!;
        var instance = Activator.CreateInstance(type)!;
        var run = method.CreateDelegate<Action>(instance);
        try
        {
            Call<GlobalSetupAttribute>(type, instance);
            for (var i = 0; i < WarmUp; i++) run();
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < Measured; i++) run();
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            var operations = Measured * method.GetCustomAttribute<BenchmarkAttribute>()!.OperationsPerInvoke;
            return ((double)allocated / operations, method.GetCustomAttribute<AllocatesAtMostAttribute>()!.Bytes);
        }
        finally
        {
            Call<GlobalCleanupAttribute>(type, instance);
        }
    }

    private static void Call<TAttribute>(Type type, object instance)
        where TAttribute : Attribute
    {
        foreach (var method in type.GetMethods())
            if (method.GetCustomAttribute<TAttribute>() is not null) method.Invoke(instance, null);
    }
}
