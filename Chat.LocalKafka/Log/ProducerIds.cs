using System.Globalization;
using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Log;

/// <summary>Hands out producer ids. No id is ever given twice: a block is reserved on the disk before its first id is used.</summary>
internal sealed class ProducerIds
{
    private const int BlockSize = 1000;

    private readonly Lock _gate = new();
    private readonly string _path;
    private long _next;
    private long _reserved;

    public ProducerIds(string dataDirectory)
    {
        _path = Path.Combine(dataDirectory, "producer-ids");
        if (File.Exists(_path))
            _next = _reserved = long.Parse(File.ReadAllText(_path), CultureInfo.InvariantCulture);
    }

    public ErrorCode TryTake(out long id)
    {
        lock (_gate)
        {
            id = -1;
            if (_next == _reserved)
            {
                try
                {
                    Durable.Replace(_path, System.Text.Encoding.ASCII.GetBytes((_reserved + BlockSize).ToString(CultureInfo.InvariantCulture)));
                }
                catch (IOException)
                {
                    return ErrorCode.CoordinatorNotAvailable; // The client tries again.
                }

                _reserved += BlockSize;
            }

            id = _next++;
            return ErrorCode.None;
        }
    }
}
