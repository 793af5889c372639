using Chat.LocalKafka.Protocol;
using Chat.LocalKafka.Topics;

namespace Chat.LocalKafka.Apis;

/// <summary>Sets or resets single configurations of topics.</summary>
internal sealed class IncrementalAlterConfigsApi(TopicConfigurator configurator) : Api(ApiKey.IncrementalAlterConfigs, 0, 1, flexibleFrom: 1)
{
    private const sbyte Set = 0;
    private const sbyte Delete = 1;

    private readonly record struct Change(string Name, sbyte Operation, string? Value);

    private readonly record struct Asked(sbyte Type, string Name, Change[] Changes);

    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var body = request.Body;
        var asked = body.ReadArray(r =>
        {
            var resource = new Asked(r.ReadInt8(), r.ReadString(), r.ReadArray(s =>
            {
                var change = new Change(s.ReadString(), s.ReadInt8(), s.ReadNullableString());
                s.SkipTags();
                return change;
            }));
            r.SkipTags();
            return resource;
        });
        var validateOnly = body.ReadBool();
        body.SkipTags();

        answer.WriteInt32(0);
        answer.WriteArray(asked, (w, resource) =>
        {
            var fault = resource.Changes.Any(c => c.Operation is not (Set or Delete))
                ? new TopicFault(ErrorCode.InvalidRequest, "Only set (0) and delete (1) are possible: no configuration here is a list.")
                : configurator.Change(resource.Type, resource.Name, validateOnly, current => Apply(current, resource.Changes));
            w.WriteError(fault.Error);
            w.WriteString(fault.Message);
            w.WriteInt8(resource.Type);
            w.WriteString(resource.Name);
            w.WriteTags();
        });
        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    private static IEnumerable<KeyValuePair<string, string?>> Apply(IReadOnlyDictionary<string, string> current, Change[] changes)
    {
        var settings = current.ToDictionary(s => s.Key, s => (string?)s.Value);
        foreach (var change in changes)
        {
            if (change.Operation == Delete)
                settings.Remove(change.Name);
            else
                settings[change.Name] = change.Value;
        }

        return settings;
    }
}
