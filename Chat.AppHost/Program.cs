using System.Net;

var builder = DistributedApplication.CreateBuilder(args);
var topology = new Topology(builder);

// What the processes share: the key that signs tokens (44 letters and digits are the base64 of 33 bytes),
// and the secret with which the gateway proves to the nodes that forwarded headers are its own.
var signingKey = builder.AddParameter("signing-key", new GenerateParameterDefault { MinLength = 44, Special = false }, secret: true, persist: true);
var proxySecret = builder.AddParameter("proxy-secret", new GenerateParameterDefault { MinLength = 44, Special = false }, secret: true, persist: true);

// The servers: ours, or somebody else's where a connection string is given.
var redis = topology.External("redis") ?? builder.AddRedis("redis").WithDataVolume("redis-data").WithAppendOnlyFile();
var kafka = topology.External("kafka") ?? builder.AddKafka("kafka").WithDataVolume("kafka-data");
var chatdb = topology.External("chatdb") ?? builder.AddPostgres("postgres").WithDataVolume("postgres-data").AddDatabase("chatdb", "chat");

// The nodes hold the connections: events go to Kafka, get their number in Redis, and are delivered.
var realtime = builder.AddProject<Projects.Chat_Realtime>("realtime")
    .WithReplicas(topology.Nodes)
    .WithHttpEndpoint()
    .DisableForwardedHeaders()
    .WithHttpHealthCheck("/health")
    .WithReference(redis).WaitFor(redis)
    .WithReference(kafka).WaitFor(kafka)
    .WithReference(chatdb).WaitFor(chatdb)
    .WithEnvironment("Chat__Auth__SigningKey", signingKey)
    .WithEnvironment("Chat__Proxy__Secret", proxySecret)
    .WithSettings(topology, ofNodes: true);

// The persister copies every room, in order, to Postgres.
builder.AddProject<Projects.Chat_Persister>("persister")
    .WithReplicas(topology.Persisters)
    .WithHttpEndpoint()
    .DisableForwardedHeaders()
    .WithHttpHealthCheck("/health")
    .WithReference(redis).WaitFor(redis)
    .WithReference(kafka).WaitFor(kafka)
    .WithReference(chatdb).WaitFor(chatdb)
    .WithSettings(topology);

// The interface talks to the nodes as any client does.
var frontend = builder.AddProject<Projects.Chat_Frontend>("frontend")
    .WithReplicas(topology.Frontends)
    .WithHttpEndpoint()
    .DisableForwardedHeaders()
    .WithHttpHealthCheck("/health")
    .WithReference(redis).WaitFor(redis)
    .WithReference(realtime).WaitForStart(realtime)
    .WithEnvironment("Chat__Proxy__Secret", proxySecret)
    .WithSettings(topology);

// The gateway is the one public origin. It learns the nodes from the leases that they keep in Redis, and listens itself:
// a proxy before it would hide its clients' addresses.
var gateway = builder.AddProject<Projects.Chat_Gateway>("gateway")
    .WithHttpEndpoint(port: topology.HttpPort, isProxied: false)
    .WithHttpsEndpoint(port: topology.HttpsPort, isProxied: false)
    .WithExternalHttpEndpoints()
    // Not of the public origin: its own figures.
    .WithHttpEndpoint(name: "metrics", targetPort: topology.MetricsPort)
    .DisableForwardedHeaders()
    .WithHttpHealthCheck("/health", endpointName: "http")
    .WithReference(redis).WaitFor(redis)
    .WithReference(frontend).WaitFor(frontend)
    .WaitFor(realtime)
    .WithEnvironment("Chat__Proxy__Secret", proxySecret)
    .WithSettings(topology);

gateway.WithEnvironment("Chat__Gateway__MetricsPort", $"{gateway.GetEndpoint("metrics").Property(EndpointProperty.TargetPort)}");

// Open to more than this machine, the first account (the admin) is for whoever can read this terminal, or the deployment's secrets.
if (topology.NeedsBootstrapCode)
{
    var bootstrapCode = builder.AddParameter("bootstrap-code", new GenerateParameterDefault { MinLength = 16, Special = false }, secret: true, persist: true);
    realtime.WithEnvironment("Chat__Auth__BootstrapCode", bootstrapCode);
    if (!topology.IsBootstrapCodeGiven)
    {
        gateway.OnResourceReady(async (_, _, cancellationToken) =>
            Console.WriteLine($"The first account needs this code: {await bootstrapCode.Resource.GetValueAsync(cancellationToken)}"));
    }
}
if (!IPAddress.IsLoopback(topology.Bind))
{
    foreach (var endpoint in new[] { "http", "https" })
        gateway.WithEndpoint(endpoint, annotation => annotation.TargetHost = topology.Bind.ToString());
}

builder.Build().Run();
