using System.Globalization;
using System.Numerics;

namespace Agentic.Proxy;

/// <summary>Floats in decimal, as Python writes and rounds them: exact, and half to even.</summary>
internal static class PyFloat
{
    // No double has more digits behind the point, nor more significant ones: the rest are zeros.
    private const int MaxDigits = 1100;

    /// <summary>The shortest decimal that reads back as the same float.</summary>
    public static string Repr(double value)
    {
        if (!double.IsFinite(value))
            return NotFinite(value);
        (string digits, int exponent) = Shortest(Math.Abs(value));
        string sign = double.IsNegative(value) ? "-" : "";
        if (exponent is < -4 or >= 16)
            return sign + digits[..1] + (digits.Length > 1 ? "." + digits[1..] : "") + Exponent(exponent);
        if (exponent < 0)
            return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        return exponent + 1 >= digits.Length
            ? $"{sign}{digits}{new string('0', exponent + 1 - digits.Length)}.0"
            : $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }

    public static string NotFinite(double value) => double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";

    /// <summary>The exponent part, at least two digits.</summary>
    public static string Exponent(int exponent) =>
        string.Create(CultureInfo.InvariantCulture, $"e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");

    /// <summary>Digits of a finite value's magnitude after rounding to so many decimals, with a point if there are any.</summary>
    public static string Fixed(double value, int decimals)
    {
        if (decimals > MaxDigits)
            return Fixed(value, MaxDigits) + new string('0', decimals - MaxDigits);
        string digits = Scaled(Math.Abs(value), decimals).ToString(CultureInfo.InvariantCulture).PadLeft(decimals + 1, '0');
        return decimals == 0 ? digits : $"{digits[..^decimals]}.{digits[^decimals..]}";
    }

    /// <summary>A finite value's magnitude as so many significant digits and the exponent of the first.</summary>
    public static (string Digits, int Exponent) Significant(double value, int count)
    {
        value = Math.Abs(value);
        if (value == 0)
            return (new string('0', count), 0);
        if (count > MaxDigits)
            return Significant(value, MaxDigits) is var (exact, power) ? (exact.PadRight(count, '0'), power) : default;
        int exponent = Shortest(value).Exponent;
        string digits = Scaled(value, count - 1 - exponent).ToString(CultureInfo.InvariantCulture);
        return digits.Length > count ? (digits[..count], exponent + 1) : (digits, exponent);
    }

    /// <summary>Python's <c>round</c> of a float to decimals, which may be negative.</summary>
    public static double Round(double value, long decimals)
    {
        if (!double.IsFinite(value) || decimals > 330 || value == 0)
            return value;
        if (decimals < -310)
            return Math.CopySign(0, value);
        string text = string.Create(CultureInfo.InvariantCulture, $"{Scaled(Math.Abs(value), (int)decimals)}e{-decimals}");
        double rounded = double.Parse(text, CultureInfo.InvariantCulture);
        if (double.IsInfinity(rounded))
            throw JinjaException.Overflow("rounded value too large to represent");
        return Math.CopySign(rounded, value);
    }

    /// <summary>value · 10^decimals, rounded half to even.</summary>
    private static BigInteger Scaled(double value, int decimals)
    {
        long bits = BitConverter.DoubleToInt64Bits(value);
        int exponent = (int)(bits >> 52 & 0x7ff);
        long mantissa = exponent == 0 ? bits & 0xfffffffffffffL : bits & 0xfffffffffffffL | 1L << 52;
        exponent = Math.Max(exponent, 1) - 1075;
        BigInteger numerator = mantissa * BigInteger.Pow(10, Math.Max(decimals, 0)) * (BigInteger.One << Math.Max(exponent, 0));
        BigInteger denominator = BigInteger.Pow(10, Math.Max(-decimals, 0)) * (BigInteger.One << Math.Max(-exponent, 0));
        (BigInteger quotient, BigInteger remainder) = BigInteger.DivRem(numerator, denominator);
        int half = (remainder * 2).CompareTo(denominator);
        return half > 0 || (half == 0 && !quotient.IsEven) ? quotient + 1 : quotient;
    }

    private static (string Digits, int Exponent) Shortest(double value)
    {
        if (value == 0)
            return ("0", 0);
        string text = value.ToString("R", CultureInfo.InvariantCulture);
        int e = text.IndexOf('E', StringComparison.Ordinal);
        int exponent = e < 0 ? 0 : int.Parse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        string mantissa = e < 0 ? text : text[..e];
        int point = mantissa.IndexOf('.', StringComparison.Ordinal);
        string all = mantissa.Replace(".", "", StringComparison.Ordinal);
        string digits = all.TrimStart('0');
        exponent += (point < 0 ? mantissa.Length : point) - 1 - (all.Length - digits.Length);
        digits = digits.TrimEnd('0');
        return (digits, exponent);
    }
}
