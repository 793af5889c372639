using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Chat.LocalKafka.Log;

/// <summary>The file operations on which durability rests: what they return from has reached the disk.</summary>
internal static partial class Durable
{
    /// <summary>Writes all bytes, or throws an <see cref="IOException"/> whatever the reason: the runtime has other exceptions for a size limit or lost rights.</summary>
    public static void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long position)
    {
        try
        {
            RandomAccess.Write(file, bytes, position);
        }
        catch (Exception refused) when (refused is ArgumentOutOfRangeException or UnauthorizedAccessException)
        {
            throw new IOException(refused.Message, refused);
        }
    }

    public static void Flush(SafeFileHandle file) => RandomAccess.FlushToDisk(file);

    /// <summary>Makes created, renamed and deleted names in a directory durable. On Windows the file system's journal does it.</summary>
    public static void FlushDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        const int readOnly = 0;
        var descriptor = Open(path, readOnly);
        if (descriptor < 0)
            throw new IOException($"Cannot open the directory {path}: error {Marshal.GetLastPInvokeError()}.");
        var result = Fsync(descriptor);
        var error = Marshal.GetLastPInvokeError();
        Close(descriptor);
        if (result != 0)
            throw new IOException($"Cannot flush the directory {path}: error {error}.");
    }

    /// <summary>Replaces a file so that after a crash either the old or the new content is there, whole.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        try
        {
            var temporary = path + ".tmp";
            using (var file = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write, FileShare.Read))
            {
                Write(file, content, 0);
                Flush(file);
            }

            File.Move(temporary, path, overwrite: true);
            FlushDirectory(Path.GetDirectoryName(path)!);
        }
        catch (UnauthorizedAccessException refused)
        {
            throw new IOException(refused.Message, refused);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
