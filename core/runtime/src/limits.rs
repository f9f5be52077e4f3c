//! Every limit on what grows from input (I7), with its default. The answer when one is reached
//! stands beside it; each is counted in [`crate::counts`].

/// Limits of one shard. Sizes in bytes, times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections of one shard; the next one is closed at once.
    pub participants_max: usize,
    /// Bytes that wait for one connection to read them, counting what they pin; over it that
    /// connection is closed.
    pub backlog_bytes_max: usize,
    /// How long a connection may take no byte while some wait for it; then it is closed. Half as
    /// long while a sender is not read from because of it; and then it must also take a sixteenth
    /// of its backlog's limit in each such time.
    pub stall_ms: u64,
    /// Bytes that one sender may add to one backlog that is over half its limit; then that sender
    /// is not read from until the backlog is below a quarter. Over three quarters it may add none.
    pub flood_bytes_max: usize,
    /// Single channels of one participant; over it the participant is closed.
    pub subscriptions_max: u32,
    /// Separate ranges of one participant, which may be a daemon with all that it stands for; over it the participant is closed.
    pub ranges_max: usize,
    /// Pieces that all ranges of a shard may cut the channels into; over it the participant that
    /// asked is closed.
    pub range_pieces_max: usize,
    /// Post-removes of one participant, which may be a daemon with all that it stands for; over it the participant is closed.
    pub post_removes_max: usize,
    /// Bytes of all post-removes of one participant; over it the participant is closed.
    pub post_remove_bytes_max: usize,
    /// The longest frame body that is taken; a longer one closes its sender.
    pub frame_bytes_max: usize,
    /// Bytes that wait for the upstream link while it is away; what does not fit is dropped.
    pub upstream_queue_bytes_max: usize,
    /// Events of one kind that are said per second in the long run; what is over it is counted, and
    /// told with the next one that is said. 0: there is no limit.
    pub events_per_second: u32,
    /// Events of one kind that are said at once.
    pub event_burst: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            participants_max: 16_384,
            backlog_bytes_max: 64 << 20,
            stall_ms: 10_000,
            flood_bytes_max: 1 << 20,
            subscriptions_max: 4 << 20,
            ranges_max: 16_384,
            range_pieces_max: 1 << 18,
            post_removes_max: 1 << 16,
            post_remove_bytes_max: 16 << 20,
            frame_bytes_max: wire::framing::BODY_BYTES_MAX,
            upstream_queue_bytes_max: 64 << 20,
            events_per_second: 500,
            event_burst: 5000,
        }
    }
}
