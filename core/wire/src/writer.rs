//! The parameters of a payload, appended one after the other: the counterpart of the reader.

use crate::ids::{Channel, ClassId, DoId, FieldId, Zone};
use alloc::vec::Vec;

/// Appends parameters to a payload.
pub(crate) struct Writer<'o>(pub(crate) &'o mut Vec<u8>);

impl Writer<'_> {
    /// As they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn bool(&mut self, value: bool) -> &mut Self {
        self.bytes(&[value as u8])
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn channel(&mut self, channel: Channel) -> &mut Self {
        self.bytes(&channel.0.to_le_bytes())
    }

    pub(crate) fn do_id(&mut self, do_id: DoId) -> &mut Self {
        self.u32(do_id.0)
    }

    pub(crate) fn zone(&mut self, zone: Zone) -> &mut Self {
        self.u32(zone.0)
    }

    /// One over 65535 bytes makes the frame too long, which is found when it is finished.
    pub(crate) fn blob(&mut self, bytes: &[u8]) -> &mut Self {
        self.u16(bytes.len() as u16).bytes(bytes)
    }

    pub(crate) fn class(&mut self, dclass: ClassId) -> &mut Self {
        self.u16(dclass.0)
    }

    pub(crate) fn field(&mut self, field: FieldId) -> &mut Self {
        self.u16(field.0)
    }

    /// If the dialect sends it.
    pub(crate) fn u32_if(&mut self, sent: bool, value: u32) -> &mut Self {
        if sent { self.u32(value) } else { self }
    }

    /// If the dialect sends it; then it must be there.
    pub(crate) fn u32_sent(&mut self, sent: bool, value: Option<u32>) -> &mut Self {
        debug_assert!(!sent || value.is_some(), "the dialect sends this number");
        self.u32_if(sent, value.unwrap_or_default())
    }

    /// If the dialect sends it.
    pub(crate) fn channel_if(&mut self, sent: bool, channel: Channel) -> &mut Self {
        if sent { self.channel(channel) } else { self }
    }

    /// If the dialect sends it; then it must be there.
    pub(crate) fn do_id_if(&mut self, sent: bool, do_id: Option<DoId>) -> &mut Self {
        debug_assert!(!sent || do_id.is_some(), "the dialect sends this do_id");
        if sent { self.do_id(do_id.unwrap_or_default()) } else { self }
    }
}
