using Chat.LocalKafka.Groups;
using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Apis;

/// <summary>Deletes groups that have no members, with their offsets.</summary>
internal sealed class DeleteGroupsApi(GroupCoordinator groups) : Api(ApiKey.DeleteGroups, 0, 2, flexibleFrom: 2)
{
    public override async ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var asked = request.Body.ReadArray(r => r.ReadString());
        request.Body.SkipTags();
        var results = new List<(string Id, ErrorCode Error)>();
        foreach (var id in asked)
            results.Add((id, id.Length == 0 ? ErrorCode.InvalidGroupId : await groups.DeleteAsync(id)));

        answer.WriteInt32(0);
        answer.WriteArray(results, (w, result) =>
        {
            w.WriteString(result.Id);
            w.WriteError(result.Error);
            w.WriteTags();
        });
        answer.WriteTags();
    }
}
