using System.Security.Cryptography;
using System.Text;

namespace Agentic.Proxy;

/// <summary>Values that stand in every answer.</summary>
internal static class Wire
{
    public const string ServiceTier = "default";

    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const int FingerprintDigits = 10;

    /// <summary>A new id, such as chatcmpl-… or call_….</summary>
    public static string NewId(string prefix, int length = 29) => prefix + RandomNumberGenerator.GetString(Alphabet, length);

    public static string NewCallId() => NewId("call_", 24);

    /// <summary>Changes with the weights, so that a client can tell why a seed gives another answer.</summary>
    public static string FingerprintOf(ServedModel model) =>
        "fp_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(model.Fingerprint)))[..FingerprintDigits];
}
