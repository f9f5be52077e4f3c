//! The State Server: its control channel, its objects, and what those who asked or watch read
//! (seed section 3, `openotp.md`; `astron` section 5, documented and never built ones included).
//!
//! Several messages both reach an object and are sent by it to those who watch: they stand in
//! both tables.

super::inbox! {
    /// Messages to a State Server's control channel.
    StateServer;
    GenerateWithRequired:
        2001 (parent: DoId, zone: Zone, dclass: Class, do_id: DoId, required: Packed),
        2000 (do_id: DoId, parent: DoId, zone: Zone, dclass: Class, required: Packed);
    GenerateWithRequiredOther:
        2003 (parent: DoId, zone: Zone, dclass: Class, do_id: DoId, required_other: Packed),
        2001 (do_id: DoId, parent: DoId, zone: Zone, dclass: Class, required_other: Packed);
    /// `astron`: DELETE_AI_OBJECTS.
    ShardReset: 2061 (ai: Channel), 2009 (ai: Channel);
}

super::inbox! {
    /// Messages to an object's own channel, and to the channel of a parent's children.
    Object;
    UpdateField:
        2004 (do_id: DoId, field: Field, value: Packed),
        2020 (do_id: DoId, field: Field, value: Packed);
    UpdateFieldMultiple:
        2005 (do_id: DoId, count: U16, fields: Packed),
        2021 (do_id: DoId, count: U16, fields: Packed);
    DeleteFieldRam: -, 2030 (do_id: DoId, field: Field);
    DeleteFieldsRam: -, 2031 (do_id: DoId, fields: Fields);
    DeleteRam: 2007 (do_id: DoId), 2032 (do_id: DoId);
    SetZone: 2008 (parent: DoId, zone: Zone), 2040 (parent: DoId, zone: Zone);
    /// A child tells its old and new parent.
    ChangeZone:
        2009 (do_id: DoId, new_parent: DoId, new_zone: Zone, old_parent: DoId, old_zone: Zone),
        2041 (do_id: DoId, new_parent: DoId, new_zone: Zone, old_parent: DoId, old_zone: Zone);
    Locate: 2022 (context: U32), 2044 (context: U32);
    /// A child answers a parent that appeared later.
    LocateResp:
        2023 (context: U32, do_id: DoId, parent: DoId, zone: Zone),
        2045 (context: U32, do_id: DoId, parent: DoId, zone: Zone);
    /// A parent has taken note of where its child is.
    LocationAck: -, 2046 (parent: DoId, zone: Zone);
    /// A child of elsewhere answers a zone query of its parent, who passes it on.
    EnterZoneWithRequired:
        2065 (dclass: Class, do_id: DoId, parent: DoId, zone: Zone, required: Packed), -;
    EnterZoneWithRequiredOther:
        2066 (dclass: Class, do_id: DoId, parent: DoId, zone: Zone, required_other: Packed), -;
    QueryAll: 2020 (context: U32), 2014 (context: U32, do_id: DoId);
    QueryField:
        2024 (do_id: DoId, field: Field, context: U32),
        2010 (context: U32, do_id: DoId, field: Field);
    QueryFields:
        2080 (do_id: DoId, context: U32, fields: FieldsToEnd),
        2012 (context: U32, do_id: DoId, fields: Fields);
    QueryZone: -, 2100 (context: U32, parent: DoId, zone: Zone);
    QueryZones:
        2021 (parent: DoId, zones: Zones),
        2102 (context: U32, parent: DoId, zones: Zones);
    QueryChildren: -, 2104 (context: U32, parent: DoId);
    CountZone: -, 2110 (context: U32, parent: DoId, zone: Zone);
    CountZones: -, 2112 (context: U32, parent: DoId, zones: Zones);
    CountChildren: -, 2114 (context: U32, parent: DoId);
    DeleteZone: -, 2120 (parent: DoId, zone: Zone);
    DeleteZones: -, 2122 (parent: DoId, zones: Zones);
    DeleteChildren: -, 2124 (parent: DoId);
    QueryActiveZones: -, 2125 (context: U32);
    SetAi: 2045 (do_id: DoId, ai: Channel), 2050 (ai: Channel);
    QueryManagingAi: 2083 (), 2054 (context: U32);
    /// From a parent to its children.
    NotifyManagingAi: 2047 (parent: DoId, ai: Channel), 2051 (do_id: DoId, new: Channel, old: Channel);
    /// A parent answers a child.
    ManagingAiResp: -, 2055 (context: U32, do_id: DoId, ai: Channel);
    SetOwner: 2070 (owner: Channel), 2060 (owner: Channel);
    /// Removes the stored copy.
    DeleteDisk: 2060 (do_id: DoId), 2232 (do_id: DoId);
}

super::inbox! {
    /// What objects send to those who asked, and to locations, AIs, owners and parents.
    ObjectNotice;
    UpdateField:
        2004 (do_id: DoId, field: Field, value: Packed),
        2020 (do_id: DoId, field: Field, value: Packed);
    UpdateFieldMultiple:
        2005 (do_id: DoId, count: U16, fields: Packed),
        2021 (do_id: DoId, count: U16, fields: Packed);
    DeleteFieldRam: -, 2030 (do_id: DoId, field: Field);
    DeleteFieldsRam: -, 2031 (do_id: DoId, fields: Fields);
    DeleteRam: 2007 (do_id: DoId), 2032 (do_id: DoId);
    DeleteDisk: 2060 (do_id: DoId), 2232 (do_id: DoId);
    ChangeZone:
        2009 (do_id: DoId, new_parent: DoId, new_zone: Zone, old_parent: DoId, old_zone: Zone),
        2041 (do_id: DoId, new_parent: DoId, new_zone: Zone, old_parent: DoId, old_zone: Zone);
    EnterZoneWithRequired:
        2065 (dclass: Class, do_id: DoId, parent: DoId, zone: Zone, required: Packed),
        2042 (do_id: DoId, parent: DoId, zone: Zone, dclass: Class, required: Packed);
    EnterZoneWithRequiredOther:
        2066 (dclass: Class, do_id: DoId, parent: DoId, zone: Zone, required_other: Packed),
        2043 (do_id: DoId, parent: DoId, zone: Zone, dclass: Class, required_other: Packed);
    LocateResp:
        2023 (context: U32, do_id: DoId, parent: DoId, zone: Zone),
        2045 (context: U32, do_id: DoId, parent: DoId, zone: Zone);
    QueryAllResp:
        2030 (context: U32, parent: DoId, zone: Zone, dclass: Class, do_id: DoId, required_other: Packed),
        2015 (context: U32, do_id: DoId, parent: DoId, zone: Zone, dclass: Class, required_other: Packed);
    /// The value (in `astron` behind its field) follows on success.
    QueryFieldResp:
        2062 (do_id: DoId, field: Field, context: U32, success: Bool, value: Packed),
        2011 (context: U32, success: Bool, value: Packed);
    QueryFieldsResp:
        2081 (do_id: DoId, context: U32, success: Bool, fields: Packed),
        2013 (context: U32, success: Bool, fields: Packed);
    QueryZoneDone: 2046 (parent: DoId, zones: Zones), -;
    EnterInterestWithRequired:
        -, 2066 (context: U32, do_id: DoId, parent: DoId, zone: Zone, dclass: Class, required: Packed);
    EnterInterestWithRequiredOther:
        -, 2067 (context: U32, do_id: DoId, parent: DoId, zone: Zone, dclass: Class, required_other: Packed);
    CountZoneResp: -, 2111 (context: U32, count: U32);
    CountZonesResp: -, 2113 (context: U32, count: U32);
    CountChildrenResp: -, 2115 (context: U32, count: U32);
    ActiveZonesResp: -, 2126 (context: U32, zones: Zones);
    EnterAiWithRequired:
        -, 2052 (do_id: DoId, parent: DoId, zone: Zone, dclass: Class, required: Packed);
    EnterAiWithRequiredOther:
        2067 (parent: DoId, zone: Zone, dclass: Class, do_id: DoId, required_other: Packed),
        2053 (do_id: DoId, parent: DoId, zone: Zone, dclass: Class, required_other: Packed);
    /// `astron`: CHANGING_AI.
    LeavingAiInterest: 2033 (do_id: DoId), 2051 (do_id: DoId, new: Channel, old: Channel);
    ManagingAiResp: -, 2055 (context: U32, do_id: DoId, ai: Channel);
    ChangeOwner:
        2069 (do_id: DoId, new: Channel, old: Channel),
        2061 (do_id: DoId, new: Channel, old: Channel);
    EnterOwnerWithRequired:
        -, 2062 (do_id: DoId, parent: DoId, zone: Zone, dclass: Class, required: Packed);
    EnterOwnerWithRequiredOther:
        2068 (parent: DoId, zone: Zone, dclass: Class, do_id: DoId, required_other: Packed),
        2063 (do_id: DoId, parent: DoId, zone: Zone, dclass: Class, required_other: Packed);
}
