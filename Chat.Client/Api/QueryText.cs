using System.Globalization;
using System.Text;

namespace Chat.Client;

/// <summary>The query of a request: parameters without a value are left out.</summary>
internal sealed class QueryText
{
    private readonly StringBuilder _text = new();

    public QueryText Add(string name, long? value)
    {
        if (value is { } number)
            _text.Append(_text.Length == 0 ? '?' : '&').Append(name).Append('=').Append(number.ToString(CultureInfo.InvariantCulture));
        return this;
    }

    public override string ToString() => _text.ToString();
}
