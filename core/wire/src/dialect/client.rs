//! The Client Agent: a client's channel inside the cluster, and the client protocol outside
//! (`openotp.md`, Client Agent and client protocol; `astron` sections 3 and 4).

super::inbox! {
    /// Messages to a client's channel, besides those of objects that it can see.
    ClientChannel;
    SetState: 3110 (state: U16), 1000 (state: U16);
    /// In `openotp` this opens the channel too.
    SetClientId: 3103 (channel: Channel), 1001 (channel: Channel);
    SendDatagram: 3100 (datagram: Blob), 1002 (datagram: Blob);
    Eject: 3101 (code: U16, reason: Text), 1004 (code: U16, reason: Text);
    Drop: 3102 (), 1005 ();
    GetNetworkAddress: -, 1006 (context: U32);
    DeclareObject: 3114 (do_id: DoId, dclass: Class), 1010 (do_id: DoId, dclass: Class);
    UndeclareObject: 3115 (do_id: DoId), 1011 (do_id: DoId);
    AddSessionObject: 3112 (do_id: DoId), 1012 (do_id: DoId);
    RemoveSessionObject: 3113 (do_id: DoId), 1013 (do_id: DoId);
    SetFieldsSendable: 3111 (do_id: DoId, fields: FieldsToEnd), 1014 (do_id: DoId, fields: Fields);
    GetTlvs: -, 1015 (context: U32);
    OpenChannel: 3104 (channel: Channel), 1100 (channel: Channel);
    CloseChannel: 3105 (channel: Channel), 1101 (channel: Channel);
    AddPostRemove: 3108 (message: Blob), 1110 (message: Blob);
    ClearPostRemoves: 3109 (), 1111 ();
    AddInterest:
        3106 (interest: U16, parent: DoId, zones: ZonesToEnd),
        1200 (interest: U16, parent: DoId, zone: Zone);
    AddInterestMultiple: -, 1201 (interest: U16, parent: DoId, zones: Zones);
    RemoveInterest: 3107 (interest: U16), 1203 (interest: U16);
}

super::inbox! {
    /// What a Client Agent answers to whoever asked about a client.
    ClientNotice;
    GetNetworkAddressResp:
        -, 1007 (context: U32, remote: Text, remote_port: U16, local: Text, local_port: U16);
    GetTlvsResp: -, 1016 (context: U32, tlvs: Blob);
    DoneInterestResp: -, 1204 (client: Channel, interest: U16);
}

super::inbox! {
    /// Messages from a game client.
    FromClient;
    Hello: 1 (dc_hash: U32, version: Text), 1 (dc_hash: U32, version: Text);
    Disconnect: 37 (), 3 ();
    Heartbeat: 52 (), 5 ();
    UpdateField:
        24 (do_id: DoId, field: Field, value: Packed),
        120 (do_id: DoId, field: Field, value: Packed);
    Location: 102 (do_id: DoId, parent: DoId, zone: Zone), 140 (do_id: DoId, parent: DoId, zone: Zone);
    AddInterest:
        97 (interest: U16, context: U32, parent: DoId, zones: ZonesToEnd),
        200 (context: U32, interest: U16, parent: DoId, zone: Zone);
    AddInterestMultiple: -, 201 (context: U32, interest: U16, parent: DoId, zones: Zones);
    RemoveInterest: 99 (interest: U16, context: U32), 203 (context: U32, interest: U16);
}

super::inbox! {
    /// Messages to a game client.
    ToClient;
    HelloResp: 2 (), 2 ();
    Eject: 4 (code: U16, reason: Text), 4 (code: U16, reason: Text);
    UpdateField:
        24 (do_id: DoId, field: Field, value: Packed),
        120 (do_id: DoId, field: Field, value: Packed);
    UpdateFieldMultiple: -, 121 (do_id: DoId, count: U16, fields: Packed);
    Leaving: 25 (do_id: DoId), 132 (do_id: DoId);
    LeavingOwner: -, 161 (do_id: DoId);
    Location: 102 (do_id: DoId, parent: DoId, zone: Zone), 140 (do_id: DoId, parent: DoId, zone: Zone);
    EnterRequired:
        34 (parent: DoId, zone: Zone, dclass: Class, do_id: DoId, required: Packed),
        142 (do_id: DoId, parent: DoId, zone: Zone, dclass: Class, required: Packed);
    EnterRequiredOther:
        35 (parent: DoId, zone: Zone, dclass: Class, do_id: DoId, required_other: Packed),
        143 (do_id: DoId, parent: DoId, zone: Zone, dclass: Class, required_other: Packed);
    EnterOwnerRequired:
        -, 172 (do_id: DoId, parent: DoId, zone: Zone, dclass: Class, required: Packed);
    EnterOwnerRequiredOther:
        36 (parent: DoId, zone: Zone, dclass: Class, do_id: DoId, required_other: Packed),
        173 (do_id: DoId, parent: DoId, zone: Zone, dclass: Class, required_other: Packed);
    AddInterest: -, 200 (context: U32, interest: U16, parent: DoId, zone: Zone);
    AddInterestMultiple: -, 201 (context: U32, interest: U16, parent: DoId, zones: Zones);
    RemoveInterest: -, 203 (context: U32, interest: U16);
    DoneInterestResp: 48 (interest: U16, context: U32), 204 (context: U32, interest: U16);
}
