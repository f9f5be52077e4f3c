//! What a Message Director reads on its control channel (seed section 2, `astron` section 2).
//! Control messages have no sender.

super::inbox! {
    /// Messages to a Message Director's control channel.
    Control;
    SetConName: 2004 (name: Text), 9012 (name: Text);
    SetConUrl: 2005 (url: Text), 9013 (url: Text);
    /// The message is a datagram without its length tag.
    AddPostRemove: 2010 (message: Blob), 9010 (sender: Channel, message: Blob);
    ClearPostRemoves: 2011 (), 9011 (sender: Channel);
    AddChannel: 2001 (channel: Channel), 9000 (channel: Channel);
    RemoveChannel: 2002 (channel: Channel), 9001 (channel: Channel);
    /// Both ends are included.
    AddRange: 2008 (low: Channel, high: Channel), 9002 (low: Channel, high: Channel);
    /// Both ends are included.
    RemoveRange: 2009 (low: Channel, high: Channel), 9003 (low: Channel, high: Channel);
    /// Goes to the event logger as it is.
    LogMessage: -, 9014 (event: Blob);
}
