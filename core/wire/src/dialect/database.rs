//! The Database and the DBSS (seed section 4, `openotp.md` 13 to 22; `astron` sections 6 and 7).
//!
//! In `openotp` an object of a DBSS range is activated by whatever is sent to its channel, so its
//! DBSS reads the messages of an object and has none of its own.

super::inbox! {
    /// Messages to a database's control channel.
    Database;
    Create:
        1003 (context: U32, dclass: Class, count: U16, fields: Packed),
        3000 (context: U32, dclass: Class, count: U16, fields: Packed);
    /// The verify code is "Die!" in `openotp`.
    Delete: 1008 (verify_code: U32, do_id: DoId), 3032 (do_id: DoId);
    /// The verify code is "Kill".
    DeleteQuery: 1010 (verify_code: U32, dclass: Class, count: U16, comparisons: Packed), -;
    SelectField: -, 3010 (context: U32, do_id: DoId, field: Field);
    Select: 1012 (context: U32, do_id: DoId, fields: Fields), 3012 (context: U32, do_id: DoId, fields: Fields);
    SelectAll: 1020 (context: U32, do_id: DoId), 3014 (context: U32, do_id: DoId);
    /// The class is a u32 here.
    SelectQuery: 1016 (context: U32, dclass: U32, count: U16, comparisons: Packed), -;
    UpdateField: -, 3020 (do_id: DoId, field: Field, value: Packed);
    Update:
        1014 (context: U32, do_id: DoId, count: U16, fields: Packed),
        3021 (do_id: DoId, count: U16, fields: Packed);
    /// The class is a u32 here.
    UpdateQuery: 1018 (dclass: U32, count: U16, comparisons_and_fields: Packed), -;
    UpdateFieldIfEquals: -, 3022 (context: U32, do_id: DoId, field: Field, old_and_new: Packed);
    UpdateIfEquals:
        1024 (context: U32, do_id: DoId, count: U16, conditions: Packed),
        3024 (context: U32, do_id: DoId, count: U16, conditions: Packed);
    UpdateFieldIfEmpty: -, 3026 (context: U32, do_id: DoId, field: Field, value: Packed);
    DeleteField: -, 3030 (do_id: DoId, field: Field);
    DeleteFields: -, 3031 (do_id: DoId, fields: Fields);
}

super::inbox! {
    /// What a database sends to those who asked, and (`astron`) says of its objects. Answers may
    /// end after their context, `success`, `ret_code` or class: see [`crate::database`].
    DatabaseNotice;
    CreateResp: 1004 (context: U32, do_id: DoId), 3001 (context: U32, do_id: DoId);
    SelectFieldResp: -, 3011 (context: U32, success: Bool, value: Packed);
    SelectResp: 1013 (context: U32, values: Packed), 3013 (context: U32, success: Bool, fields: Packed);
    SelectAllResp:
        1021 (context: U32, dclass: Class, required_other: Packed),
        3015 (context: U32, success: Bool, object: Packed);
    SelectQueryResp: 1017 (context: U32, do_ids: DoIds), -;
    UpdateFieldIfEqualsResp: -, 3023 (context: U32, success: Bool, current: Packed);
    UpdateIfEqualsResp:
        1025 (context: U32, ret_code: U8, values: Packed),
        3025 (context: U32, success: Bool, current: Packed);
    UpdateFieldIfEmptyResp: -, 3027 (context: U32, success: Bool, current: Packed);
    UpdateField: -, 3020 (do_id: DoId, field: Field, value: Packed);
    Update: -, 3021 (do_id: DoId, count: U16, fields: Packed);
    DeleteField: -, 3030 (do_id: DoId, field: Field);
    DeleteFields: -, 3031 (do_id: DoId, fields: Fields);
    Delete: -, 3032 (do_id: DoId);
}

super::inbox! {
    /// Messages to a stored object's channel that a DBSS alone reads, besides those of an object.
    Dbss;
    ActivateWithDefaults: -, 2200 (do_id: DoId, parent: DoId, zone: Zone);
    ActivateWithDefaultsOther:
        -, 2201 (do_id: DoId, parent: DoId, zone: Zone, dclass: Class, count: U16, fields: Packed);
    QueryActivated: -, 2207 (context: U32, do_id: DoId);
    DeleteFieldDisk: -, 2230 (do_id: DoId, field: Field);
    DeleteFieldsDisk: -, 2231 (do_id: DoId, fields: Fields);
}

super::inbox! {
    /// What a DBSS answers.
    DbssNotice;
    QueryActivatedResp: -, 2208 (context: U32, do_id: DoId, active: Bool);
}
