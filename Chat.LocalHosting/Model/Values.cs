namespace Aspire.Hosting.ApplicationModel;

/// <summary>Something whose value is known only while the application runs.</summary>
public interface IValueProvider
{
    ValueTask<string?> GetValueAsync(CancellationToken cancellationToken = default);
}

/// <summary>Something that the manifest writes as an expression in braces.</summary>
public interface IManifestExpressionProvider
{
    string ValueExpression { get; }
}

/// <summary>Something made of other values: whatever it refers to is written to the manifest too.</summary>
public interface IValueWithReferences
{
    IEnumerable<object> References { get; }
}

/// <summary>A value for environment variables that has both sides.</summary>
public interface IExpressionValue : IValueProvider, IManifestExpressionProvider;
