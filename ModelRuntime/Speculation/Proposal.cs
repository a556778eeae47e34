namespace Agentic.ModelRuntime;

/// <summary>What one source last proposed for one sequence, kept until the target's tokens say which of it was right.</summary>
internal sealed class Proposal
{
    private int[] _tokenIds = new int[32];
    private int[] _parents = new int[32];
    private int[] _depths = new int[32];
    private int[] _kinds = new int[32];
    private float[] _shares = new float[32];
    private bool[] _taken = new bool[32];

    public int Count { get; private set; }

    public void Clear() => Count = 0;

    /// <summary>Takes note of a node. Parents come first; −1 is the root.</summary>
    public int Add(int tokenId, int parent, int kind, float share = 1)
    {
        if (Count == _tokenIds.Length)
            Grow();
        (_tokenIds[Count], _parents[Count], _kinds[Count], _shares[Count]) = (tokenId, parent, kind, share);
        _depths[Count] = parent < 0 ? 1 : _depths[parent] + 1;
        return Count++;
    }

    /// <summary>Every node whose parent the target came to, and went on from, is a label, whether or not it was verified itself: which
    /// ones are known does not depend on whether they were taken.</summary>
    public void Learn(ReadOnlySpan<int> committed, EdgeCalibrator calibrator)
    {
        for (int i = 0; i < Count; i++)
        {
            _taken[i] = false;
            int parent = _parents[i], depth = _depths[i];
            if ((parent >= 0 && !_taken[parent]) || depth > committed.Length)
                continue;
            _taken[i] = _tokenIds[i] == committed[depth - 1];
            calibrator.Learn(_kinds[i], _shares[i], _taken[i]);
        }

        Count = 0;
    }

    private void Grow()
    {
        int length = Count * 2;
        Array.Resize(ref _tokenIds, length);
        Array.Resize(ref _parents, length);
        Array.Resize(ref _depths, length);
        Array.Resize(ref _kinds, length);
        Array.Resize(ref _shares, length);
        Array.Resize(ref _taken, length);
    }
}
