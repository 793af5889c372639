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
        Write(body, "{\"events\":["u8);
        for (var i = 0; i < slice.Events.Count; i++)
        {
            if (i > 0) Write(body, ","u8);
            Write(body, slice.Events[i].Span);
        }
        Write(body, "],\"head_seq\":"u8);
        WriteNumber(body, slice.HeadSeq);
        Write(body, slice.HasMore ? ",\"has_more\":true}"u8 : ",\"has_more\":false}"u8);
        await body.FlushAsync(context.RequestAborted);
    }

    // The framework's extension asks for "some" space, of which a chunked answer has none where a buffer is just full.
    private static void Write(IBufferWriter<byte> body, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(body.GetSpan(bytes.Length));
        body.Advance(bytes.Length);
    }

    private static void WriteNumber(IBufferWriter<byte> body, long number)
    {
        Utf8Formatter.TryFormat(number, body.GetSpan(20), out var written);
        body.Advance(written);
    }

    static void IEndpointMetadataProvider.PopulateMetadata(MethodInfo method, EndpointBuilder builder) =>
        builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(HistoryPage), ["application/json"]));
}
