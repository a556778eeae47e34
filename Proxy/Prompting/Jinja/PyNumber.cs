using System.Globalization;
using System.Numerics;

namespace Agentic.Proxy;

/// <summary>Python's arithmetic: integers of any size up to <see cref="MaxBits"/>, division that floors, true quotients.</summary>
internal static class PyNumber
{
    /// <summary>Python itself refuses to print integers longer than 4300 digits.</summary>
    private const int MaxBits = 1 << 16;

    // An integer of more bits has more than 4300 digits.
    private const int MaxPrintedBits = 14_300;

    public static object Add(object left, object right) => Calculate("+", left, right);

    /// <param name="symbol">One of <c>+ - * / // % **</c>.</param>
    /// <param name="left">A number.</param>
    /// <param name="right">A number.</param>
    /// <exception cref="JinjaException">Division by zero, or a result that is too large.</exception>
    public static object Calculate(string symbol, object left, object right)
    {
        if (left is double || right is double)
            return Float(symbol, ToDouble(left), ToDouble(right));
        if (left is BigInteger || right is BigInteger)
            return Big(symbol, ToBig(left), ToBig(right));
        long a = PyType.Index(left), b = PyType.Index(right);
        switch (symbol)
        {
            case "+" when !(((a ^ (a + b)) & (b ^ (a + b))) < 0):
                return a + b;
            case "-" when !(((a ^ b) & (a ^ (a - b))) < 0):
                return a - b;
            case "*" when Math.BigMul(a, b) is var product && product >= long.MinValue && product <= long.MaxValue:
                return (long)product;
            case "//" or "%" when b != 0 && b != -1:
                long quotient = a / b, remainder = a % b;
                bool adjust = remainder != 0 && (remainder < 0) != (b < 0);
                return symbol == "%" ? adjust ? remainder + b : remainder : adjust ? quotient - 1 : quotient;
            case "/" when b != 0 && IsExact(a) && IsExact(b):
                return (double)a / b;
            default:
                return Big(symbol, a, b);
        }
    }

    public static object Negate(object value) => value switch
    {
        double d => -d,
        BigInteger big => Normal(-big),
        _ => Calculate("-", 0L, value),
    };

    public static int Compare(object left, object right)
    {
        if (left is double || right is double)
        {
            double a = ToDouble(left, saturate: true), b = ToDouble(right, saturate: true);
            bool exact = left is double && right is double || Math.Abs(a) < 1L << 53 || !double.IsFinite(a) || !double.IsFinite(b);
            return exact ? a == b ? 0 : a < b ? -1 : 1 : FloorBig(left).CompareTo(FloorBig(right));
        }

        return left is BigInteger || right is BigInteger
            ? ToBig(left).CompareTo(ToBig(right))
            : PyType.Index(left).CompareTo(PyType.Index(right));
    }

    /// <exception cref="JinjaException">An integer beyond the range of floats.</exception>
    public static double ToDouble(object value, bool saturate = false)
    {
        double result = value switch { double d => d, long n => n, bool b => b ? 1 : 0, BigInteger big => Nearest(big), _ => double.NaN };
        return value is BigInteger && double.IsInfinity(result) && !saturate
            ? throw JinjaException.Overflow("int too large to convert to float") : result;
    }

    /// <summary>Towards zero, as <c>int</c> does.</summary>
    public static object Truncate(double value)
    {
        if (double.IsNaN(value))
            throw JinjaException.Value("cannot convert float NaN to integer");
        if (double.IsInfinity(value))
            throw JinjaException.Overflow("cannot convert float infinity to integer");
        return Normal(new BigInteger(value));
    }

    public static object Normal(BigInteger value)
    {
        if (value >= long.MinValue && value <= long.MaxValue)
            return (long)value;
        return value.GetBitLength() <= MaxBits ? value
            : throw JinjaException.Limit($"the template makes an integer of more than {MaxBits} bits");
    }

    public static BigInteger ToBig(object value) => value is BigInteger big ? big : PyType.Index(value);

    public static string ToDecimal(BigInteger value)
    {
        string text = value.GetBitLength() > MaxPrintedBits ? "" : value.ToString(CultureInfo.InvariantCulture);
        return text.Length is > 0 and <= 4301
            ? text
            : throw JinjaException.Value("Exceeds the limit (4300 digits) for integer string conversion; "
                + "use sys.set_int_max_str_digits() to increase the limit");
    }

    public static object ParseDecimal(string digits) => digits.Length <= 4301
        ? Normal(BigInteger.Parse(digits, CultureInfo.InvariantCulture))
        : throw JinjaException.Value("Exceeds the limit (4300 digits) for integer string conversion");

    public static int DigitValue(char c) => c switch
    {
        >= '0' and <= '9' => c - '0',
        >= 'a' and <= 'z' => c - 'a' + 10,
        >= 'A' and <= 'Z' => c - 'A' + 10,
        _ => int.MaxValue,
    };

    /// <summary>Digits of a radix, underscores ignored.</summary>
    public static object ParseDigits(ReadOnlySpan<char> digits, int radix)
    {
        BigInteger value = 0;
        long small = 0;
        foreach (char c in digits)
        {
            if (c == '_')
                continue;
            if (small < long.MaxValue / 64 && value.IsZero)
            {
                small = small * radix + DigitValue(c);
                continue;
            }

            if (value.IsZero)
                value = small;
            value = value * radix + DigitValue(c);
            Budget.Current.Charge(value.GetBitLength() >> 11);
            if (value.GetBitLength() > MaxBits)
                throw JinjaException.Value("Exceeds the limit (4300 digits) for integer string conversion");
        }

        return value.IsZero ? small : Normal(value);
    }

    private static object Big(string symbol, BigInteger a, BigInteger b)
    {
        Budget.Current.Charge(a.GetBitLength() * b.GetBitLength() >> 18);
        switch (symbol)
        {
            case "+":
                return Normal(a + b);
            case "-":
                return Normal(a - b);
            case "*":
                return Normal(a * b);
            case "**":
                return Power(a, b);
        }

        if (b.IsZero)
            throw JinjaException.ZeroDivision(symbol switch
            {
                "/" => "division by zero",
                "//" => "integer division or modulo by zero",
                _ => "integer modulo by zero",
            });
        if (symbol == "/")
            return Quotient(a, b);
        (BigInteger quotient, BigInteger remainder) = BigInteger.DivRem(a, b);
        bool adjust = !remainder.IsZero && (remainder.Sign < 0) != (b.Sign < 0);
        return Normal(symbol == "%" ? adjust ? remainder + b : remainder : adjust ? quotient - 1 : quotient);
    }

    /// <summary>The float nearest to a quotient: 62 bits of it and a sticky one round as all of them would.</summary>
    private static double Quotient(BigInteger a, BigInteger b)
    {
        int shift = (int)(b.GetBitLength() - a.GetBitLength()) + 62;
        BigInteger numerator = BigInteger.Abs(a) << Math.Max(shift, 0), denominator = BigInteger.Abs(b) << Math.Max(-shift, 0);
        (BigInteger quotient, BigInteger remainder) = BigInteger.DivRem(numerator, denominator);
        double magnitude = Math.ScaleB((ulong)(quotient << 1 | (remainder.IsZero ? 0 : 1)), -shift - 1);
        if (double.IsInfinity(magnitude))
            throw JinjaException.Overflow("integer division result too large for a float");
        return a.Sign * b.Sign < 0 ? -magnitude : magnitude;
    }

    /// <summary>The nearest float; .NET's own conversion cuts off.</summary>
    private static double Nearest(BigInteger value)
    {
        BigInteger magnitude = BigInteger.Abs(value);
        int shift = (int)magnitude.GetBitLength() - 63;
        if (shift <= 0)
            return (double)(long)value;
        ulong bits = (ulong)(magnitude >> shift) << 1;
        return Math.ScaleB((magnitude & ((BigInteger.One << shift) - 1)).IsZero ? bits : bits | 1, shift - 1) * value.Sign;
    }

    private static object Power(BigInteger a, BigInteger b)
    {
        if (b.Sign < 0)
            return Float("**", ToDouble(a), ToDouble(b));
        if (a.IsOne || a.IsZero || a == BigInteger.MinusOne)
            return Normal(b.IsZero ? 1 : b.IsEven ? a * a : a);
        BigInteger bits = b * (BigInteger.Abs(a).GetBitLength() - 1);
        if (bits > MaxBits)
            throw JinjaException.Limit($"the template makes an integer of more than {MaxBits} bits");
        Budget.Current.Charge((long)(bits * bits) >> 18);
        return Normal(BigInteger.Pow(a, (int)b));
    }

    private static double Float(string symbol, double a, double b)
    {
        switch (symbol)
        {
            case "+":
                return a + b;
            case "-":
                return a - b;
            case "*":
                return a * b;
            case "**":
                return FloatPower(a, b);
        }

        if (b == 0)
            throw JinjaException.ZeroDivision(symbol switch
            {
                "/" => "float division by zero",
                "//" => "float floor division by zero",
                _ => "float modulo",
            });
        if (symbol == "/")
            return a / b;
        double remainder = a % b;
        double quotient = (a - remainder) / b;
        if (remainder == 0)
        {
            remainder = Math.CopySign(0, b);
        }
        else if ((b < 0) != (remainder < 0))
        {
            remainder += b;
            quotient -= 1;
        }

        if (symbol == "%")
            return remainder;
        double floor = Math.Floor(quotient);
        return quotient == 0 ? Math.CopySign(0, a / b) : quotient - floor > 0.5 ? floor + 1 : floor;
    }

    private static double FloatPower(double a, double b)
    {
        if (a == 0 && b < 0)
            throw JinjaException.ZeroDivision("0.0 cannot be raised to a negative power");
        if (a < 0 && double.IsFinite(a) && double.IsFinite(b) && b != Math.Floor(b))
            throw JinjaException.Type("complex numbers are not supported");
        double power = Math.Pow(a, b);
        if (double.IsInfinity(power) && double.IsFinite(a) && double.IsFinite(b))
            throw JinjaException.Overflow("(34, 'Numerical result out of range')");
        return power;
    }

    /// <summary>Whether a float can hold it as it is.</summary>
    private static bool IsExact(long value) => value is > -(1L << 53) and < 1L << 53;

    private static BigInteger FloorBig(object value) => value is double d ? new BigInteger(Math.Floor(d)) : ToBig(value);
}
