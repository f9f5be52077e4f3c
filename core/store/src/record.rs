//! One record of the log.

use rkyv::util::AlignedVec;

/// A record as it will stand in the log, but for what only the log knows.
#[derive(Clone, Debug)]
pub struct Record(pub(crate) AlignedVec<8>);
