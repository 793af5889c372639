using System.Text.RegularExpressions;
using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Apis;

/// <summary>What this broker can do. The one answer whose header never has tags, and the one request that is answered in any version.</summary>
internal sealed partial class ApiVersionsApi(Func<IReadOnlyCollection<Api>> apis) : Api(ApiKey.ApiVersions, 0, 3, flexibleFrom: 3)
{
    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var error = ErrorCode.None;
        if (request.Version >= 3)
        {
            var name = request.Body.ReadString();
            var version = request.Body.ReadString();
            request.Body.SkipTags();
            if (!SoftwareName().IsMatch(name) || !SoftwareName().IsMatch(version))
                error = ErrorCode.InvalidRequest;
        }

        Write(answer, request.Version, error);
        return ValueTask.CompletedTask;
    }

    /// <summary>The answer to a version from the future: version 0, which every client can read, with what it may try next.</summary>
    public void WriteUnsupported(KafkaWriter answer) => Write(answer, 0, ErrorCode.UnsupportedVersion);

    private void Write(KafkaWriter answer, short version, ErrorCode error)
    {
        answer.WriteError(error);
        answer.WriteArray(error == ErrorCode.InvalidRequest ? [] : apis(), (w, api) =>
        {
            w.WriteInt16((short)api.Key);
            w.WriteInt16(api.MinVersion);
            w.WriteInt16(api.MaxVersion);
            w.WriteTags();
        });
        if (version >= 1)
            answer.WriteInt32(0);
        answer.WriteTags();
    }

    [GeneratedRegex("^[a-zA-Z0-9](?:[a-zA-Z0-9\\-.]*[a-zA-Z0-9])?$")]
    private static partial Regex SoftwareName();
}
