using Chat.LocalKafka.Protocol;
using Chat.LocalKafka.Topics;

namespace Chat.LocalKafka.Apis;

/// <summary>Replaces the whole configuration of topics: what is not named goes back to its default.</summary>
internal sealed class AlterConfigsApi(TopicConfigurator configurator) : Api(ApiKey.AlterConfigs, 0, 2, flexibleFrom: 2)
{
    private readonly record struct Asked(sbyte Type, string Name, KeyValuePair<string, string?>[] Settings);

    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var body = request.Body;
        var asked = body.ReadArray(r =>
        {
            var resource = new Asked(r.ReadInt8(), r.ReadString(), r.ReadArray(s =>
            {
                var setting = KeyValuePair.Create(s.ReadString(), s.ReadNullableString());
                s.SkipTags();
                return setting;
            }));
            r.SkipTags();
            return resource;
        });
        var validateOnly = body.ReadBool();
        body.SkipTags();

        answer.WriteInt32(0);
        answer.WriteArray(asked, (w, resource) =>
        {
            var fault = configurator.Change(resource.Type, resource.Name, validateOnly, _ => resource.Settings);
            w.WriteError(fault.Error);
            w.WriteString(fault.Message);
            w.WriteInt8(resource.Type);
            w.WriteString(resource.Name);
            w.WriteTags();
        });
        answer.WriteTags();
        return ValueTask.CompletedTask;
    }
}
