//! What grows no further, for each shard (I7). The answer when one is reached: what asked for more
//! is refused, counted and logged.

/// Limits of one instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Objects.
    pub objects_max: usize,
    /// Bytes of the fields of all objects.
    pub field_bytes_max: usize,
    /// Queries of zones and children under way.
    pub queries_max: usize,
    /// Children in other State Servers that parents here know of.
    pub foreign_children_max: usize,
    /// Zones that were asked for lately: for a child that comes there late from another State Server,
    /// those who asked are remembered. The oldest are forgotten first.
    pub zones_asked_max: usize,
    /// Moves below another parent of which it is not yet known whether they close a ring; one more
    /// is believed.
    pub moves_max: usize,
    /// Bytes that wait behind the move of a parent; with more the move is refused. Also bytes that
    /// wait for objects to be loaded; what is more is refused.
    pub waiting_bytes_max: usize,
    /// Stored objects that are being loaded, or of which the database is asked something.
    pub loading_max: usize,
    /// Objects that one input concerns at once; the others follow, a few times as many a turn.
    pub objects_at_once: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            objects_max: 16 << 20,
            field_bytes_max: 16 << 30,
            queries_max: 4096,
            foreign_children_max: 1 << 18,
            zones_asked_max: 16_384,
            moves_max: 16_384,
            waiting_bytes_max: 64 << 20,
            loading_max: 16_384,
            objects_at_once: 1024,
        }
    }
}
