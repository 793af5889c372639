using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Crowds;

/// <summary>Is told of everything that the clients of a crowd are sent, live, in recovered gaps and from history. Called by many at once, by one for each client.</summary>
internal interface ICrowdWatch
{
    /// <param name="client">Its number in the crowd.</param>
    /// <param name="glance">A durable event of one of its rooms.</param>
    void Came(int client, in EventGlance glance);
}
