using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Aspire.Hosting.ApplicationModel;

/// <summary>
/// The name that the manifest gives a conditional expression: its condition, and the xxHash32 (seed 0) of all its parts,
/// so that the same expression gets the same name from either engine.
/// </summary>
internal static class ConditionalName
{
    private const uint Prime1 = 2654435761, Prime2 = 2246822519, Prime3 = 3266489917, Prime4 = 668265263, Prime5 = 374761393;

    public static string For(string condition, ReferenceExpression whenTrue, ReferenceExpression whenFalse, string matchValue)
    {
        var words = new string([.. condition.Select(c => char.IsLetterOrDigit(c) ? char.ToLowerInvariant(c) : '-')])
            .Split('-', StringSplitOptions.RemoveEmptyEntries);
        var hash = XxHash32(Encoding.UTF8.GetBytes(condition + whenTrue.ValueExpression + whenFalse.ValueExpression + matchValue));
        return $"cond-{string.Join('-', words)}-{hash:x8}";
    }

    private static uint XxHash32(ReadOnlySpan<byte> data)
    {
        var length = (uint)data.Length;
        uint hash;
        if (data.Length >= 16)
        {
            uint a = unchecked(Prime1 + Prime2), b = Prime2, c = 0, d = unchecked(0 - Prime1);
            for (; data.Length >= 16; data = data[16..])
            {
                a = Round(a, data);
                b = Round(b, data[4..]);
                c = Round(c, data[8..]);
                d = Round(d, data[12..]);
            }
            hash = BitOperations.RotateLeft(a, 1) + BitOperations.RotateLeft(b, 7) + BitOperations.RotateLeft(c, 12) + BitOperations.RotateLeft(d, 18);
        }
        else
        {
            hash = Prime5;
        }

        hash += length;
        for (; data.Length >= 4; data = data[4..])
            hash = BitOperations.RotateLeft(hash + BinaryPrimitives.ReadUInt32LittleEndian(data) * Prime3, 17) * Prime4;
        foreach (var value in data)
            hash = BitOperations.RotateLeft(hash + value * Prime5, 11) * Prime1;

        hash = (hash ^ (hash >> 15)) * Prime2;
        hash = (hash ^ (hash >> 13)) * Prime3;
        return hash ^ (hash >> 16);
    }

    private static uint Round(uint accumulator, ReadOnlySpan<byte> data) =>
        BitOperations.RotateLeft(accumulator + BinaryPrimitives.ReadUInt32LittleEndian(data) * Prime2, 13) * Prime1;
}
