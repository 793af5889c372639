using BenchmarkDotNet.Running;
using Chat.Benchmarks;

if (args is ["gates"])
{
    foreach (var name in AllocationGates.Names)
    {
        var (perOperation, allowed) = AllocationGates.Measure(name);
        Console.WriteLine($"{name}: {perOperation} B per operation, {allowed} B allowed");
    }
    return;
}
// Without arguments it asks which; --filter '*' runs all.
BenchmarkSwitcher.FromTypes([.. AllocationGates.Benchmarks]).Run(args);
