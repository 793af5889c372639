using System.Runtime.InteropServices;
using Chat.LocalKafka;
using Microsoft.Extensions.Logging;

if (args is ["--help"] or ["-h"])
{
    Console.Write(CommandLine.Help());
    return 0;
}

if (CommandLine.Parse(args, out var fault) is not { } options)
{
    await Console.Error.WriteLineAsync(fault);
    return 2;
}

// Standard output carries the READY line and nothing else.
using var logging = LoggerFactory.Create(builder => builder
    .AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace)
    .AddSimpleConsole(console =>
    {
        console.SingleLine = true;
        console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        console.UseUtcTimestamp = true;
    }));
var stopping = new TaskCompletionSource();
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
try
{
    await using var broker = await KafkaBroker.StartAsync(options, logging.CreateLogger("Chat.LocalKafka"));
    Console.WriteLine($"READY {broker.Endpoint}");
    await stopping.Task;
    return 0;
}
catch (DataDirectoryInUseException inUse)
{
    await Console.Error.WriteLineAsync(inUse.Message);
    return 3;
}
catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException)
{
    await Console.Error.WriteLineAsync($"The broker cannot start: {failure.Message}");
    return 1;
}

void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    stopping.TrySetResult();
}
