/// <summary>The two things that are said of several resources in the same words.</summary>
internal static class TopologyExtensions
{
    /// <summary>Hands on the settings that the AppHost was given; what the model itself says of a service wins.</summary>
    public static IResourceBuilder<ProjectResource> WithSettings(
        this IResourceBuilder<ProjectResource> service, Topology topology, bool ofNodes = false) =>
        service.WithEnvironment(context =>
        {
            foreach (var (name, value) in topology.Settings(ofNodes))
                context.EnvironmentVariables.TryAdd(name, value);
        });

    /// <summary>
    /// Redis answers only what it has written to its append-only file, and never evicts: the numbering of rooms rests on both.
    /// Aspire's own persistence is snapshots, which lose up to a minute.
    /// </summary>
    public static IResourceBuilder<RedisResource> WithAppendOnlyFile(this IResourceBuilder<RedisResource> redis) =>
        redis.WithArgs(context =>
        {
            string[] words = ["--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"];
            if (context.ExecutionContext.IsPublishMode)
            {
                // Published, the whole command is one argument of a shell.
                context.Args[^1] = $"{context.Args[^1]} {string.Join(' ', words)}";
                return;
            }
            foreach (var word in words)
                context.Args.Add(word);
        });
}
