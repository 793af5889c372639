using System.Buffers;
using System.Buffers.Text;
using System.Reflection;
using Chat.Contracts.Api;
using Chat.Data.History;
using Microsoft.AspNetCore.Http.Metadata;

namespace Chat.Realtime.Api;

/// <summary>A page of history as JSON. The events' bytes go in as they are stored: they are the bytes that were delivered.</summary>
internal sealed class HistoryAnswer(HistorySlice slice) : IResult, IEndpointMetadataProvider
{
    public async Task ExecuteAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json; charset=utf-8";
        var body = context.Response.BodyWriter;
        body.Write("{\"events\":["u8);
        for (var i = 0; i < slice.Events.Count; i++)
        {
            if (i > 0) body.Write(","u8);
            body.Write(slice.Events[i].Span);
        }
        body.Write("],\"head_seq\":"u8);
        WriteNumber(body, slice.HeadSeq);
        body.Write(slice.HasMore ? ",\"has_more\":true}"u8 : ",\"has_more\":false}"u8);
        await body.FlushAsync(context.RequestAborted);
    }

    private static void WriteNumber(IBufferWriter<byte> body, long number)
    {
        Utf8Formatter.TryFormat(number, body.GetSpan(20), out var written);
        body.Advance(written);
    }

    static void IEndpointMetadataProvider.PopulateMetadata(MethodInfo method, EndpointBuilder builder) =>
        builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(HistoryPage), ["application/json"]));
}
