namespace Aspire.Hosting.ApplicationModel;

/// <summary>The rule for names of resources and endpoints: they become host names and environment variables.</summary>
internal static class ModelName
{
    private const int MaxLength = 64;

    public static void Validate(string target, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length is < 1 or > MaxLength)
            throw Invalid(target, name, $"must be between 1 and {MaxLength} characters long");
        if (!char.IsAsciiLetter(name[0]))
            throw Invalid(target, name, "must start with an ASCII letter");
        if (name.Any(c => !char.IsAsciiLetterOrDigit(c) && c != '-'))
            throw Invalid(target, name, "must contain only ASCII letters, digits and hyphens");
        if (name.Contains("--", StringComparison.Ordinal))
            throw Invalid(target, name, "cannot contain consecutive hyphens");
        if (name[^1] == '-')
            throw Invalid(target, name, "cannot end with a hyphen");
    }

    private static ArgumentException Invalid(string target, string name, string rule) =>
        new($"The {target} name '{name}' is invalid: it {rule}.", nameof(name));
}
