using System.Buffers.Binary;
using System.Text;

namespace Agentic.ModelRuntime;

/// <summary>Reads a pickle of tensors. It can build containers and tensors and nothing else: no name in a pickle is ever looked up or called.</summary>
/// <remarks>Format: Python's pickletools, protocols 2 to 5; calls: what torch.save writes for a state dict.</remarks>
internal ref struct Unpickler
{
    private readonly string _path;
    private readonly ReadOnlySpan<byte> _pickle;
    private readonly List<object?> _stack = [];
    private readonly Stack<int> _marks = new();
    private readonly Dictionary<int, object?> _memo = [];
    private int _at;

    private Unpickler(string path, ReadOnlySpan<byte> pickle)
    {
        _path = path;
        _pickle = pickle;
    }

    /// <summary>Bytes of a tensor's storage: an entry of the archive.</summary>
    internal sealed record Storage(string Type, string Key);

    /// <summary>A view of a storage; offset and strides in elements.</summary>
    internal sealed record Tensor(Storage Storage, long Offset, int[] Shape, long[] Strides);

    private sealed record Name(string Module, string Identifier);

    /// <summary>The tensors of a state dict by name; what else it holds is left out.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="pickle">The archive's data.pkl.</param>
    /// <exception cref="ModelLoadException">It is damaged, or asks for more than tensors.</exception>
    public static Dictionary<string, Tensor> Read(string path, ReadOnlySpan<byte> pickle)
    {
        var reader = new Unpickler(path, pickle);
        try
        {
            if (reader.Run() is not Dictionary<object, object?> state)
                throw new ModelLoadException($"{path} holds no dictionary of tensors; save the model's state_dict");
            Dictionary<string, Tensor> tensors = new(StringComparer.Ordinal);
            foreach ((object key, object? value) in state)
            {
                if (key is string name && value is Tensor tensor)
                    tensors[name] = tensor;
            }

            return tensors;
        }
        catch (Exception error) when (error is ArgumentException or InvalidCastException or InvalidOperationException or OverflowException
            or KeyNotFoundException)
        {
            throw new ModelLoadException($"{path}: the pickle is damaged at byte {reader._at}; fetch the file again", error);
        }
    }

    private object? Run()
    {
        while (true)
        {
            byte code = Byte();
            switch (code)
            {
                case 0x80: Take(1); break;                                              // PROTO
                case 0x95: Take(8); break;                                              // FRAME
                case (byte)'.': return Pop();
                case (byte)'(': _marks.Push(_stack.Count); break;
                case (byte)'0': Pop(); break;
                case (byte)'N': Push(null); break;
                case 0x88: Push(true); break;
                case 0x89: Push(false); break;
                case (byte)'K': Push((long)Byte()); break;
                case (byte)'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
                case (byte)'J': Push((long)Int()); break;
                case 0x8a: Push(Long()); break;
                case (byte)'G': Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
                case (byte)'X': Push(Text(Int())); break;
                case 0x8c: Push(Text(Byte())); break;
                case 0x8d: Push(Text(checked((int)BinaryPrimitives.ReadInt64LittleEndian(Take(8))))); break;
                case (byte)'}': Push(new Dictionary<object, object?>()); break;
                case (byte)']': Push(new List<object?>()); break;
                case (byte)')': Push(Array.Empty<object?>()); break;
                case (byte)'t': Push(ToMark()); break;
                case 0x85 or 0x86 or 0x87: Push(Last(code - 0x84)); break;              // TUPLE1 … TUPLE3
                case (byte)'q': _memo[Byte()] = Top(); break;
                case (byte)'r': _memo[Int()] = Top(); break;
                case 0x94: _memo[_memo.Count] = Top(); break;                           // MEMOIZE
                case (byte)'h': Push(_memo[Byte()]); break;
                case (byte)'j': Push(_memo[Int()]); break;
                case (byte)'a': Append(Last(1)); break;
                case (byte)'e': Append(ToMark()); break;
                case (byte)'s': Set(Last(2)); break;
                case (byte)'u': Set(ToMark()); break;
                case (byte)'b': Pop(); break;                                           // BUILD: only ever a state dict's own metadata
                case (byte)'c': Push(new Name(Line(), Line())); break;
                case 0x93:                                                              // STACK_GLOBAL
                    object?[] name = Last(2);
                    Push(new Name((string)name[0]!, (string)name[1]!));
                    break;
                case (byte)'Q': Push(Persistent((object?[])Pop()!)); break;
                case (byte)'R':
                    object?[] call = Last(2);
                    Push(Call((Name)call[0]!, (object?[])call[1]!));
                    break;
                default:
                    throw new ModelLoadException(
                        $"{_path}: the pickle has the instruction 0x{code:x2}, which no file of weights needs; it was not executed: use safetensors");
            }
        }
    }

    private readonly object? Call(Name function, object?[] arguments) => (function.Module, function.Identifier) switch
    {
        ("torch._utils", "_rebuild_tensor_v2") => new Tensor(
            (Storage)arguments[0]!, (long)arguments[1]!, [.. Integers(arguments[2]).Select(size => checked((int)size))], Integers(arguments[3])),
        ("torch._utils", "_rebuild_parameter") => (Tensor)arguments[0]!,
        ("collections", "OrderedDict") when arguments.Length == 0 => new Dictionary<object, object?>(),
        _ => throw new ModelLoadException(
            $"{_path}: the pickle calls {function.Module}.{function.Identifier}, which no file of weights needs; it was not executed: use safetensors"),
    };

    /// <summary>('storage', its class, its key, its device, its elements).</summary>
    private static Storage Persistent(object?[] id) => (string)id[0]! == "storage"
        ? new Storage(((Name)id[1]!).Identifier, (string)id[2]!)
        : throw new InvalidCastException("No storage.");

    private static long[] Integers(object? tuple) => [.. ((object?[])tuple!).Select(item => (long)item!)];

    private readonly void Append(object?[] items) => ((List<object?>)Top()!).AddRange(items);

    private readonly void Set(object?[] items)
    {
        var dictionary = (Dictionary<object, object?>)Top()!;
        for (int i = 0; i < items.Length; i += 2)
            dictionary[items[i]!] = items[i + 1];
    }

    private readonly void Push(object? value) => _stack.Add(value);

    private readonly object? Top() => _stack[^1];

    private readonly object? Pop() => Last(1)[0];

    private readonly object?[] ToMark() => Last(_stack.Count - _marks.Pop());

    private readonly object?[] Last(int count)
    {
        object?[] items = [.. _stack.GetRange(_stack.Count - count, count)];
        _stack.RemoveRange(_stack.Count - count, count);
        return items;
    }

    private byte Byte() => Take(1)[0];

    private int Int() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    /// <summary>A length byte and that many bytes in two's complement.</summary>
    private long Long()
    {
        ReadOnlySpan<byte> bytes = Take(Byte());
        return checked((long)new System.Numerics.BigInteger(bytes));
    }

    private string Text(int bytes) => Encoding.UTF8.GetString(Take(bytes));

    private string Line()
    {
        int length = _pickle[_at..].IndexOf((byte)'\n');
        string line = Text(length);
        _at++;
        return line;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        ReadOnlySpan<byte> bytes = _pickle.Slice(_at, count);
        _at += count;
        return bytes;
    }
}
