using System.ComponentModel;
using System.Globalization;
using System.Reflection;
using System.Text;

namespace Chat.LocalKafka;

/// <summary>Reads the options from the command line: every property of <see cref="KafkaBrokerOptions"/> in kebab case.</summary>
internal static class CommandLine
{
    private static readonly Dictionary<string, PropertyInfo> Options = typeof(KafkaBrokerOptions)
        .GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(p => p.CanWrite)
        .ToDictionary(p => "--" + Kebab(p.Name));

    /// <summary>The options, or what is wrong with the arguments.</summary>
    public static KafkaBrokerOptions? Parse(string[] arguments, out string? fault)
    {
        var options = new KafkaBrokerOptions { Data = "" };
        for (var i = 0; i < arguments.Length; i += 2)
        {
            if (!Options.TryGetValue(arguments[i], out var option))
            {
                fault = $"Unknown option {arguments[i]}; --help lists all.";
                return null;
            }

            if (i + 1 == arguments.Length)
            {
                fault = $"{arguments[i]} needs a value.";
                return null;
            }

            try
            {
                var type = Nullable.GetUnderlyingType(option.PropertyType) ?? option.PropertyType;
                option.SetValue(options, TypeDescriptor.GetConverter(type).ConvertFromInvariantString(arguments[i + 1]));
            }
            catch (Exception exception) when (exception is ArgumentException or FormatException or NotSupportedException)
            {
                fault = $"{arguments[i]} {arguments[i + 1]} is no {Describe(option.PropertyType)}.";
                return null;
            }
        }

        fault = string.Join(Environment.NewLine, options.FindFaults());
        return fault.Length == 0 ? options : null;
    }

    public static string Help()
    {
        var text = new StringBuilder("""
            Chat.LocalKafka: a log for one machine that speaks the Kafka protocol. No replication, no transactions, no TLS.
            Usage: Chat.LocalKafka --data DIR --port N [options]

            """);
        var defaults = new KafkaBrokerOptions { Data = "" };
        foreach (var (name, option) in Options)
            text.AppendLine(CultureInfo.InvariantCulture, $"  {name,-32} {Describe(option.PropertyType),-10} default: {Text(option.GetValue(defaults))}");
        return text.ToString();
    }

    private static string Text(object? value) => value switch
    {
        null or "" => "-",
        bool flag => flag ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Describe(Type type) =>
        type == typeof(TimeSpan) ? "hh:mm:ss" : type == typeof(string) ? "text" : type == typeof(bool) ? "true|false" : "number";

    private static string Kebab(string name) =>
        string.Concat(name.Select((c, i) => char.IsUpper(c) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(c) : c.ToString()));
}
