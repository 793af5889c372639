using System.Security.Cryptography;
using System.Text.Json;
using Aspire.Hosting.Publishing;

namespace Aspire.Hosting.ApplicationModel;

/// <summary>Where the value of a parameter comes from when the configuration has none.</summary>
public abstract class ParameterDefault
{
    public abstract void WriteToManifest(ManifestPublishingContext context);

    public abstract string GetDefaultValue();
}

/// <summary>A random value, drawn uniformly from the allowed characters.</summary>
public sealed class GenerateParameterDefault : ParameterDefault
{
    // The special ones need no escaping in connection strings.
    private const string LowerCase = "abcdefghijklmnopqrstuvwxyz";
    private const string UpperCase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    private const string Digits = "0123456789";
    private const string Specials = "-_.{}~()*+!";

    public int MinLength { get; set; } = 22;

    public bool Lower { get; set; } = true;

    public bool Upper { get; set; } = true;

    public bool Numeric { get; set; } = true;

    public bool Special { get; set; } = true;

    public int MinLower { get; set; }

    public int MinUpper { get; set; }

    public int MinNumeric { get; set; }

    public int MinSpecial { get; set; }

    public override string GetDefaultValue()
    {
        var all = (Lower ? LowerCase : "") + (Upper ? UpperCase : "") + (Numeric ? Digits : "") + (Special ? Specials : "");
        if (all.Length == 0)
            throw new InvalidOperationException("A generated parameter needs at least one kind of characters.");

        var required = RandomNumberGenerator.GetString(LowerCase, MinLower) + RandomNumberGenerator.GetString(UpperCase, MinUpper)
            + RandomNumberGenerator.GetString(Digits, MinNumeric) + RandomNumberGenerator.GetString(Specials, MinSpecial);
        var value = (required + RandomNumberGenerator.GetString(all, Math.Max(0, MinLength - required.Length))).ToCharArray();
        RandomNumberGenerator.Shuffle(value.AsSpan());
        return new string(value);
    }

    public override void WriteToManifest(ManifestPublishingContext context)
    {
        var json = context.Writer;
        json.WriteStartObject("generate");
        json.WriteNumber("minLength", MinLength);
        WriteUnlessTrue(json, "lower", Lower);
        WriteUnlessTrue(json, "upper", Upper);
        WriteUnlessTrue(json, "numeric", Numeric);
        WriteUnlessTrue(json, "special", Special);
        WriteUnlessZero(json, "minLower", MinLower);
        WriteUnlessZero(json, "minUpper", MinUpper);
        WriteUnlessZero(json, "minNumeric", MinNumeric);
        WriteUnlessZero(json, "minSpecial", MinSpecial);
        json.WriteEndObject();
    }

    private static void WriteUnlessTrue(Utf8JsonWriter json, string name, bool value)
    {
        if (!value)
            json.WriteBoolean(name, value);
    }

    private static void WriteUnlessZero(Utf8JsonWriter json, string name, int value)
    {
        if (value != 0)
            json.WriteNumber(name, value);
    }
}

/// <summary>A constant that is published as the default.</summary>
internal sealed class ConstantParameterDefault(Func<string> valueGetter) : ParameterDefault
{
    public override string GetDefaultValue() => valueGetter();

    public override void WriteToManifest(ManifestPublishingContext context) => context.Writer.WriteString("value", GetDefaultValue());
}
