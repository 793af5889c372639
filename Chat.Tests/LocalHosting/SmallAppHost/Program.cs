// The smallest application that has every kind of resource: what the tests of the engine run.
var builder = DistributedApplication.CreateBuilder(args);

var postgres = builder.AddPostgres("postgres");
var database = postgres.AddDatabase("maindb", "main");
var redis = builder.AddRedis("redis");

var service = builder.AddProject<Projects.Small_Service>("service")
    .WithReplicas(2)
    .WithHttpEndpoint()
    .WithHttpHealthCheck("/health")
    .WithReference(database).WaitFor(database)
    .WithReference(redis).WaitFor(redis);

builder.AddExecutable("sleeper", "sleep", ".", "100000")
    .WithReference(service)
    .WaitFor(service);

builder.Build().Run();
