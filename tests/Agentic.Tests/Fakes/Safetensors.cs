using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace Agentic.Tests;

/// <summary>Writes safetensors files, sound ones and damaged ones.</summary>
internal static class Safetensors
{
    /// <summary>Header length, header, data, without a check of any of them.</summary>
    public static byte[] Bytes(string header, byte[] data, long? headerLength = null)
    {
        byte[] text = Encoding.UTF8.GetBytes(header), result = new byte[8 + text.Length + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(result, headerLength ?? text.Length);
        text.CopyTo(result, 8);
        data.CopyTo(result, 8 + text.Length);
        return result;
    }

    /// <summary>A sound file of float32 tensors.</summary>
    public static byte[] Bytes(IEnumerable<(string Name, int[] Shape, float[] Values)> tensors)
    {
        Dictionary<string, object> header = [];
        List<byte> data = [];
        foreach ((string name, int[] shape, float[] values) in tensors)
        {
            int start = data.Count;
            foreach (float value in values)
                data.AddRange(BitConverter.GetBytes(value));
            header[name] = new { dtype = "F32", shape, data_offsets = new[] { start, data.Count } };
        }

        string json = JsonSerializer.Serialize(header);
        return Bytes(json.PadRight((json.Length + 7) / 8 * 8), [.. data]);
    }
}
