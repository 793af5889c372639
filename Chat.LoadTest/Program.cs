using System.Runtime.InteropServices;
using Chat.LoadTest.CommandLine;

using var stop = new CancellationTokenSource();
void Stop(PosixSignalContext signal)
{
    // Ends the run in good order: the system that it started goes with it.
    signal.Cancel = true;
    stop.Cancel();
}
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return await Commands.RunAsync(args, Console.Out, stop.Token);
