namespace Agentic.Kernels;

/// <summary>Plain mathematics in double: what every kernel is tested against. Slow, and meant to be read.</summary>
internal sealed unsafe class Reference : IKernels
{
    public void Embed(in EmbedArgs args)
    {
        for (int row = 0; row < args.Rows; row++)
        {
            for (int i = 0; i < args.Hidden; i++)
            {
                long source = (long)args.TokenIds[row] * args.Hidden + i;
                args.Output[(long)row * args.Hidden + i] = Elements.Load(args.Table, args.TableType, source);
            }
        }
    }

    public void Linear(in LinearArgs args)
    {
        for (int row = 0; row < args.Rows; row++)
        {
            for (int output = 0; output < args.Outputs; output++)
            {
                double sum = args.Bias is null ? 0 : Elements.Load(args.Bias, args.BiasType, output);
                for (int i = 0; i < args.Inputs; i++)
                {
                    double weight = Elements.Load(args.Weight, args.WeightType, (long)output * args.Inputs + i);
                    sum += args.Input[(long)row * args.Inputs + i] * weight;
                }
                args.Output[(long)row * args.OutputStride + output] = Round(sum, args.Precision);
            }
        }
    }

    public void AddRmsNorm(in AddRmsNormArgs args)
    {
        int residualStride = args.ResidualStride == 0 ? args.Hidden : args.ResidualStride;
        int outputStride = args.OutputStride == 0 ? args.Hidden : args.OutputStride;
        for (int row = 0; row < args.Rows; row++)
        {
            float* residual = args.Residual + (long)row * residualStride;
            if (args.Delta is not null)
            {
                for (int i = 0; i < args.Hidden; i++)
                    residual[i] = Round(residual[i] + args.Delta[(long)row * args.Hidden + i], args.Precision);
            }
            double[] output = RmsNorm(residual, args.Weight, args.WeightType, args.Epsilon, args.Hidden, args.Precision);
            for (int i = 0; i < args.Hidden; i++)
                args.Output[(long)row * outputStride + i] = (float)output[i];
        }
    }

    public void RopeWriteKv(in RopeWriteKvArgs args)
    {
        KvLayer kv = args.Kv;
        int dim = kv.HeadDim, rowWidth = (args.Heads + 2 * kv.KvHeads) * dim;
        for (int row = 0; row < args.Rows; row++)
        {
            float* query = args.Qkv + (long)row * rowWidth, key = query + args.Heads * dim, value = key + kv.KvHeads * dim;
            float* cosSin = args.CosSin + (long)args.Positions[row] * dim;

            for (int head = 0; head < args.Heads; head++)
            {
                float[] rotated = NormAndRotate(query + head * dim, args.QueryNorm, args, cosSin);
                rotated.CopyTo(new Span<float>(query + head * dim, dim));
            }
            for (int head = 0; head < kv.KvHeads; head++)
            {
                float[] rotated = NormAndRotate(key + head * dim, args.KeyNorm, args, cosSin);
                for (int i = 0; i < dim; i++)
                {
                    Elements.Store(kv.Data, kv.Type, kv.KeyOffset(args.Slots[row], head) + (long)i * kv.BlockSize, rotated[i]);
                    Elements.Store(kv.Data, kv.Type, kv.ValueOffset(args.Slots[row], head) + i, value[head * dim + i]);
                }
            }
        }
    }

    public void TreeAttention(in TreeAttentionArgs args)
    {
        for (int s = 0; s < args.SequenceCount; s++)
        {
            SequenceRows sequence = args.Sequences[s];
            for (int i = 0; i < sequence.RowCount; i++)
            {
                List<int> slots = VisibleSlots(args, sequence, i);
                for (int head = 0; head < args.Heads; head++)
                    Attend(args, sequence.RowStart + i, head, slots);
            }
        }
    }

    public void SiluMul(in SiluMulArgs args)
    {
        for (int row = 0; row < args.Rows; row++)
        {
            float* gate = args.GateUp + 2L * row * args.Width, up = gate + args.Width;
            for (int i = 0; i < args.Width; i++)
            {
                double silu = gate[i] / (1 + Math.Exp(-(double)gate[i]));
                args.Output[(long)row * args.Width + i] = Round(Between(silu, args.Precision) * up[i], args.Precision);
            }
        }
    }

    public void CommitKv(in CommitKvArgs args)
    {
        for (int layer = 0; layer < args.Layers; layer++)
        {
            KvLayer kv = args.LayerPools[layer];
            for (int move = 0; move < args.MoveCount; move++)
            {
                (int from, int to) = args.Moves[move];
                for (int head = 0; head < kv.KvHeads; head++)
                {
                    for (int i = 0; i < kv.HeadDim; i++)
                    {
                        Copy(kv, kv.KeyOffset(from, head) + (long)i * kv.BlockSize, kv.KeyOffset(to, head) + (long)i * kv.BlockSize);
                        Copy(kv, kv.ValueOffset(from, head) + i, kv.ValueOffset(to, head) + i);
                    }
                }
            }
        }

        static void Copy(in KvLayer kv, long from, long to) => Elements.Store(kv.Data, kv.Type, to, Elements.Load(kv.Data, kv.Type, from));
    }

    public void RouteExperts(in RouteExpertsArgs args)
    {
        for (int row = 0; row < args.Rows; row++)
        {
            double[] logits = new double[args.Experts];
            for (int expert = 0; expert < args.Experts; expert++)
                logits[expert] = args.Logits[(long)row * args.Experts + expert];
            int[] best = [.. Enumerable.Range(0, args.Experts).OrderByDescending(expert => logits[expert]).Take(args.ExpertsPerToken)];
            IEnumerable<double> shared = args.Normalize ? best.Select(expert => logits[expert]) : logits;
            double max = logits.Max(), sum = shared.Sum(logit => Math.Exp(logit - max));
            for (int k = 0; k < best.Length; k++)
            {
                args.ExpertIds[row * args.ExpertsPerToken + k] = best[k];
                args.Weights[row * args.ExpertsPerToken + k] = Round(Math.Exp(logits[best[k]] - max) / sum, args.Precision);
            }
        }
    }

    public void GatherRows(in GatherRowsArgs args)
    {
        for (int row = 0; row < args.Rows; row++)
        {
            for (int i = 0; i < args.Width; i++)
                args.Output[(long)row * args.Width + i] = args.Input[(long)args.RowIndices[row] * args.Width + i];
        }
    }

    public void ScatterAddRows(in ScatterAddRowsArgs args)
    {
        for (int row = 0; row < args.Rows; row++)
        {
            float* output = args.Output + (long)args.RowIndices[row] * args.Width;
            for (int i = 0; i < args.Width; i++)
            {
                double product = (double)args.Scales[row] * args.Input[(long)row * args.Width + i];
                output[i] = Round(output[i] + Between(product, args.Precision), args.Precision);
            }
        }
    }

    public void Dispose()
    {
    }

    /// <summary>A result as it is stored.</summary>
    private static float Round(double value, ElementType precision) => Elements.Round((float)value, precision);

    /// <summary>A result on the way to another: rounded where a narrow type stores it, left in double where it never leaves the operation.</summary>
    private static double Between(double value, ElementType precision) => precision == ElementType.Float32 ? value : Round(value, precision);

    private static double[] RmsNorm(float* input, void* weight, ElementType type, float epsilon, int width, ElementType precision)
    {
        double squares = 0;
        for (int i = 0; i < width; i++)
            squares += (double)input[i] * input[i];
        double inverse = 1 / Math.Sqrt(squares / width + epsilon);
        double[] output = new double[width];
        for (int i = 0; i < width; i++)
            output[i] = Between(Between(input[i] * inverse, precision) * Elements.Load(weight, type, i), precision);
        return output;
    }

    private static float[] NormAndRotate(float* input, void* norm, in RopeWriteKvArgs args, float* cosSin)
    {
        int dim = args.Kv.HeadDim, half = dim / 2;
        double[] head = norm is not null
            ? RmsNorm(input, norm, args.NormType, args.Epsilon, dim, args.Precision)
            : Array.ConvertAll(new Span<float>(input, dim).ToArray(), element => (double)element);
        float[] output = new float[dim];
        for (int i = 0; i < half; i++)
        {
            double cos = Between(cosSin[2 * i], args.Precision), sin = Between(cosSin[2 * i + 1], args.Precision), x = head[i], y = head[i + half];
            output[i] = Round(Between(x * cos, args.Precision) - Between(y * sin, args.Precision), args.Precision);
            output[i + half] = Round(Between(y * cos, args.Precision) + Between(x * sin, args.Precision), args.Precision);
        }
        return output;
    }

    /// <summary>Cache slots of the keys that a row sees, in order of position.</summary>
    private static List<int> VisibleSlots(in TreeAttentionArgs args, in SequenceRows sequence, int row)
    {
        List<int> slots = [];
        for (int position = 0; position < sequence.ContextLength; position++)
            slots.Add(sequence.Slot(position, args.Kv.BlockSize));
        for (int node = 0; node <= sequence.EarlierRows + row; node++)
        {
            if (sequence.Sees(row, node))
                slots.Add(sequence.Slot(sequence.ContextLength + node, args.Kv.BlockSize));
        }
        return args.SlidingWindow > 0 ? slots[Math.Max(0, slots.Count - args.SlidingWindow)..] : slots;
    }

    private static void Attend(in TreeAttentionArgs args, int row, int head, List<int> slots)
    {
        KvLayer kv = args.Kv;
        int dim = kv.HeadDim, kvHead = head / (args.Heads / kv.KvHeads);
        float* query = args.Query + (long)row * args.QueryStride + head * dim;
        double[] scores = new double[slots.Count];
        for (int key = 0; key < scores.Length; key++)
        {
            for (int i = 0; i < dim; i++)
                scores[key] += query[i] * (double)Elements.Load(kv.Data, kv.Type, kv.KeyOffset(slots[key], kvHead) + (long)i * kv.BlockSize);
            scores[key] *= args.Scale;
        }
        double max = scores.Max();
        double[] weights = Array.ConvertAll(scores, score => Math.Exp(score - max));
        double sum = weights.Sum();
        for (int i = 0; i < dim; i++)
        {
            double output = 0;
            for (int key = 0; key < scores.Length; key++)
                output += weights[key] / sum * Elements.Load(kv.Data, kv.Type, kv.ValueOffset(slots[key], kvHead) + i);
            args.Output[((long)row * args.Heads + head) * dim + i] = Round(output, args.Precision);
        }
    }
}
