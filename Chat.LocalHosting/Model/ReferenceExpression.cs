using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Aspire.Hosting.ApplicationModel;

/// <summary>
/// Text with values in it that are resolved when the application runs and written as <c>{expressions}</c> when it is published.
/// Or a choice between two such texts, which the manifest writes as a resource of its own.
/// </summary>
public sealed class ReferenceExpression : IExpressionValue, IValueWithReferences
{
    public static readonly ReferenceExpression Empty = new("", [], [], []);

    private readonly IValueProvider? _condition;
    private readonly string? _matchValue;

    private ReferenceExpression(string format, IValueProvider[] valueProviders, string[] manifestExpressions, string?[] stringFormats)
    {
        Format = format;
        ValueProviders = valueProviders;
        ManifestExpressions = manifestExpressions;
        StringFormats = stringFormats;
    }

    private ReferenceExpression(IValueProvider condition, string matchValue, ReferenceExpression whenTrue, ReferenceExpression whenFalse)
        : this("", [], [], [])
    {
        _condition = condition;
        _matchValue = matchValue;
        WhenTrue = whenTrue;
        WhenFalse = whenFalse;
        Name = ConditionalName.For(((IManifestExpressionProvider)condition).ValueExpression, whenTrue, whenFalse, matchValue);
    }

    public string Format { get; }

    public IReadOnlyList<IValueProvider> ValueProviders { get; }

    public IReadOnlyList<string> ManifestExpressions { get; }

    /// <summary>Per value <c>"uri"</c> where it is to be URL-escaped, else null.</summary>
    public IReadOnlyList<string?> StringFormats { get; }

    public bool IsConditional => _condition is not null;

    internal string? Name { get; }

    internal ReferenceExpression? WhenTrue { get; }

    internal ReferenceExpression? WhenFalse { get; }

    public string ValueExpression => IsConditional
        ? $"{{{Name}.connectionString}}"
        : string.Format(CultureInfo.InvariantCulture, Format, [.. ManifestExpressions]);

    public IEnumerable<object> References => IsConditional ? [_condition!, WhenTrue!, WhenFalse!] : ValueProviders;

    public static ReferenceExpression Create(in ExpressionInterpolatedStringHandler handler) => handler.GetExpression();

    public static ReferenceExpression CreateConditional(
        IValueProvider condition, string matchValue, ReferenceExpression whenTrue, ReferenceExpression whenFalse) =>
        new(condition, matchValue, whenTrue, whenFalse);

    public async ValueTask<string?> GetValueAsync(CancellationToken cancellationToken = default)
    {
        if (IsConditional)
        {
            var matches = string.Equals(await _condition!.GetValueAsync(cancellationToken), _matchValue, StringComparison.OrdinalIgnoreCase);
            return await (matches ? WhenTrue! : WhenFalse!).GetValueAsync(cancellationToken);
        }

        var values = new object?[ValueProviders.Count];
        for (var i = 0; i < values.Length; i++)
        {
            var value = await ValueProviders[i].GetValueAsync(cancellationToken);
            values[i] = value is not null && StringFormats[i] is { } format ? Escape(value, format) : value;
        }
        return string.Format(CultureInfo.InvariantCulture, Format, values);
    }

    private static string Escape(string value, string format) => format == "uri"
        ? Uri.EscapeDataString(value)
        : throw new FormatException($"The format '{format}' is not known; 'uri' is.");

    /// <summary>Collects an interpolated string as an expression, so that <c>$"{endpoint}"</c> stays a reference.</summary>
    [InterpolatedStringHandler]
    public readonly struct ExpressionInterpolatedStringHandler
    {
        private readonly StringBuilder _format;
        private readonly List<IValueProvider> _valueProviders;
        private readonly List<string> _manifestExpressions;
        private readonly List<string?> _stringFormats;

        public ExpressionInterpolatedStringHandler(int literalLength, int formattedCount)
        {
            _format = new StringBuilder(literalLength * 2);
            _valueProviders = new List<IValueProvider>(formattedCount);
            _manifestExpressions = new List<string>(formattedCount);
            _stringFormats = new List<string?>(formattedCount);
        }

        public void AppendLiteral(string value) => _format.Append(value.Replace("{", "{{").Replace("}", "}}"));

        public void AppendFormatted(string? value) => AppendFormatted(value, format: null);

        public void AppendFormatted(string? value, string? format)
        {
            if (value is not null)
                AppendLiteral(format is null ? value : Escape(value, format));
        }

        public void AppendFormatted<T>(T value) where T : IValueProvider, IManifestExpressionProvider => AppendFormatted(value, format: null);

        public void AppendFormatted<T>(T value, string? format) where T : IValueProvider, IManifestExpressionProvider
        {
            _format.Append(CultureInfo.InvariantCulture, $"{{{_valueProviders.Count}}}");
            _valueProviders.Add(value);
            _manifestExpressions.Add(value.ValueExpression);
            _stringFormats.Add(format);
        }

        public void AppendFormatted<T>(IResourceBuilder<T> value) where T : IResource, IValueProvider, IManifestExpressionProvider =>
            AppendFormatted(value.Resource, format: null);

        public void AppendFormatted<T>(IResourceBuilder<T> value, string? format)
            where T : IResource, IValueProvider, IManifestExpressionProvider =>
            AppendFormatted(value.Resource, format);

        internal ReferenceExpression GetExpression() =>
            new(_format.ToString(), [.. _valueProviders], [.. _manifestExpressions], [.. _stringFormats]);
    }
}

/// <summary>Builds an expression piece by piece.</summary>
public sealed class ReferenceExpressionBuilder
{
    private readonly ReferenceExpression.ExpressionInterpolatedStringHandler _handler = new(16, 4);

    public bool IsEmpty { get; private set; } = true;

    public void AppendLiteral(string value)
    {
        IsEmpty = false;
        _handler.AppendLiteral(value);
    }

    public void Append<T>(T value, string? format = null) where T : IValueProvider, IManifestExpressionProvider
    {
        IsEmpty = false;
        _handler.AppendFormatted(value, format);
    }

    public ReferenceExpression Build() => _handler.GetExpression();
}
