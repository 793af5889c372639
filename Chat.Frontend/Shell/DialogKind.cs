namespace Chat.Frontend.Shell;

/// <summary>The dialogs of the window; one at a time.</summary>
public enum DialogKind
{
    None,
    CreateRoom,
    BrowseRooms,
    NewMessage,
    Invite,
    Topic,
    Leave,
    Jump,
}
