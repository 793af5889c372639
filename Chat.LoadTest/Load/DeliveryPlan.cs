using Chat.LoadTest.Measuring;

namespace Chat.LoadTest.Load;

/// <summary>Who is where, and what is published.</summary>
/// <param name="MembersPerRoom">Each with one connection.</param>
/// <param name="Bytes">Of a message's text.</param>
/// <param name="Schedule">Also says how many rooms there are.</param>
internal sealed record DeliveryPlan(int MembersPerRoom, int Bytes, PublishSchedule Schedule)
{
    public int Members => Schedule.Rooms * MembersPerRoom;

    public int RoomOfMember(int member) => member % Schedule.Rooms;
}
