//! What a shard counts. Plain numbers of one owner; the driver publishes them.

use crate::role::Refusal;

/// Whether a metric only grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// What one value of [`Counts::values`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metric {
    /// Its name, with its unit last.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// Whether it only grows.
    pub kind: MetricKind,
    /// A label that tells it from others of the same name.
    pub label: Option<(&'static str, &'static str)>,
}

macro_rules! counts {
    ($($kind:ident $field:ident = $name:literal $({$key:literal: $value:literal})? $help:literal;)*) => {
        /// What a shard has counted since its start, and what it holds now.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $(#[doc = $help] pub $field: u64,)*
        }

        impl Counts {
            /// How many values there are.
            pub const LEN: usize = [$($name),*].len();

            /// What each value is, in the order of [`Counts::values`].
            pub const METRICS: [Metric; Counts::LEN] = [$(Metric {
                name: $name,
                help: $help,
                kind: MetricKind::$kind,
                label: counts!(@label $($key, $value)?),
            }),*];

            /// All values.
            pub fn values(&self) -> [u64; Counts::LEN] {
                [$(self.$field),*]
            }
        }
    };
    (@label) => { None };
    (@label $key:literal, $value:literal) => { Some(($key, $value)) };
}

counts! {
    Counter frames_in = "frames_received" "Frames received from connections.";
    Counter bytes_in = "bytes_received" "Bytes received from connections.";
    Counter bytes_out = "bytes_sent" "Bytes that sockets took.";
    Counter writes = "socket_writes" "Writes to sockets.";
    Counter datagrams = "datagrams_routed" "Datagrams routed that entered the daemon at this shard.";
    Counter datagrams_crossed = "datagrams_crossed" "Datagrams that came from another shard.";
    Counter deliveries = "deliveries" "Datagrams handed to a connection or a role.";
    Counter control_messages = "control_messages" "Control messages understood.";
    Counter post_removes_sent = "post_removes_sent" "Post-removes routed because a connection ended.";
    Counter upstream_connects = "upstream_connects" "Times that the upstream link came up.";
    Counter pauses = "flood_pauses" "Times that a sender was not read from because it flooded a slow receiver.";
    Counter events = "events" "Events said to the event logger.";
    Counter events_suppressed = "events_suppressed" "Events that were not said, since there were too many of their kind.";
    Gauge participants = "participants" "Connections now.";
    Gauge subscriptions = "subscriptions" "Single channels subscribed now, other shards' included.";
    Gauge range_pieces = "range_pieces" "Pieces of ranges subscribed now, other shards' included.";
    Gauge post_removes = "post_removes" "Post-removes stored now.";
    Gauge backlog_bytes = "backlog_bytes" "Bytes that wait for slow connections now.";
    Gauge upstream_up = "upstream_up" "Whether the upstream link stands now: 1 or 0.";
    Gauge upstream_queue_bytes = "upstream_queue_bytes" "Bytes that wait for the upstream link now.";
    Gauge objects = "objects" "Objects of the State Server now.";
    Gauge object_bytes = "object_bytes" "Bytes of the fields of all objects now.";
    Gauge objects_loading = "objects_loading" "Stored objects that a DBSS is loading now.";
    Counter objects_loaded = "objects_loaded" "Stored objects that a DBSS has loaded.";
    Counter database_questions = "dbss_questions" "What DBSS have asked their databases.";
    Counter database_unanswered = "dbss_questions_unanswered" "What databases did not answer in time.";
    Counter objects_created = "objects_created" "Objects created.";
    Counter objects_deleted = "objects_deleted" "Objects deleted.";
    Counter object_updates = "object_updates" "Fields updated.";
    Counter object_moves = "object_moves" "Objects moved to another location.";
    Counter zones_asked_forgotten = "object_zones_asked_forgotten" "Zones asked for lately that are not remembered any more: children that come late from another State Server may be missed there.";
    Counter object_queries = "object_queries" "Queries of objects answered.";
    Counter refused_malformed = "object_requests_refused" {"reason": "malformed"} "Requests to the State Server or an object that were refused.";
    Counter refused_unknown_class = "object_requests_refused" {"reason": "unknown_class"} "Requests to the State Server or an object that were refused.";
    Counter refused_unknown_field = "object_requests_refused" {"reason": "unknown_field"} "Requests to the State Server or an object that were refused.";
    Counter refused_bad_value = "object_requests_refused" {"reason": "bad_value"} "Requests to the State Server or an object that were refused.";
    Counter refused_duplicate = "object_requests_refused" {"reason": "duplicate"} "Requests to the State Server or an object that were refused.";
    Counter refused_reserved_id = "object_requests_refused" {"reason": "reserved_id"} "Requests to the State Server or an object that were refused.";
    Counter refused_no_object = "object_requests_refused" {"reason": "no_object"} "Requests to the State Server or an object that were refused.";
    Counter refused_ring = "object_requests_refused" {"reason": "ring_of_parents"} "Requests to the State Server or an object that were refused.";
    Counter refused_too_big = "object_requests_refused" {"reason": "too_big"} "Requests to the State Server or an object that were refused.";
    Counter refused_full = "object_requests_refused" {"reason": "full"} "Requests to the State Server or an object that were refused.";
    Gauge objects_stored = "objects_stored" "Objects of the Database now, as far as they are durable.";
    Counter database_creates = "database_requests" {"kind": "create"} "Requests to the Database that were understood.";
    Counter database_selects = "database_requests" {"kind": "select"} "Requests to the Database that were understood.";
    Counter database_updates = "database_requests" {"kind": "update"} "Requests to the Database that were understood.";
    Counter database_updates_if = "database_requests" {"kind": "update_if"} "Requests to the Database that were understood.";
    Counter database_field_deletes = "database_requests" {"kind": "delete_fields"} "Requests to the Database that were understood.";
    Counter database_deletes = "database_requests" {"kind": "delete"} "Requests to the Database that were understood.";
    Counter database_select_queries = "database_requests" {"kind": "select_query"} "Requests to the Database that were understood.";
    Counter database_update_queries = "database_requests" {"kind": "update_query"} "Requests to the Database that were understood.";
    Counter database_delete_queries = "database_requests" {"kind": "delete_query"} "Requests to the Database that were understood.";
    Counter database_reads_waited = "database_reads_waited" "Answers of the Database that waited for a write which they let one see.";
    Counter database_malformed = "database_requests_refused" {"reason": "malformed"} "Requests to the Database that were refused.";
    Counter database_verify_code = "database_requests_refused" {"reason": "verify_code"} "Requests to the Database that were refused.";
    Counter database_unknown_class = "database_requests_refused" {"reason": "unknown_class"} "Requests to the Database that were refused.";
    Counter database_unknown_field = "database_requests_refused" {"reason": "unknown_field"} "Requests to the Database that were refused.";
    Counter database_bad_value = "database_requests_refused" {"reason": "bad_value"} "Requests to the Database that were refused.";
    Counter database_bad_stored = "database_requests_refused" {"reason": "bad_stored"} "Requests to the Database that were refused.";
    Counter database_bad_comparison = "database_requests_refused" {"reason": "bad_comparison"} "Requests to the Database that were refused.";
    Counter database_no_id = "database_requests_refused" {"reason": "no_id"} "Requests to the Database that were refused.";
    Counter database_no_object = "database_requests_refused" {"reason": "no_object"} "Requests to the Database that were refused.";
    Counter database_damaged = "database_requests_refused" {"reason": "damaged"} "Requests to the Database that were refused.";
    Counter database_too_big = "database_requests_refused" {"reason": "too_big"} "Requests to the Database that were refused.";
    Counter database_full = "database_requests_refused" {"reason": "full"} "Requests to the Database that were refused.";
    Counter database_disk_full = "database_requests_refused" {"reason": "disk_full"} "Requests to the Database that were refused.";
    Counter database_read_only = "database_requests_refused" {"reason": "read_only"} "Requests to the Database that were refused.";
    Gauge clients = "clients" "Clients now.";
    Gauge clients_established = "clients_established" "Clients now that have logged in.";
    Counter client_messages = "client_messages" "Messages of clients.";
    Counter client_updates = "client_updates" "Updates of fields that clients made.";
    Counter client_moves = "client_moves" "Moves of objects that clients made.";
    Counter updates_shown = "client_updates_shown" "Updates of fields shown to clients, one for each of them.";
    Counter client_interests = "client_interests" "Interests of clients opened or altered.";
    Counter client_interests_unanswered = "client_interests_unanswered" "Interests that were called complete although a parent had not answered in time.";
    Counter client_objects_not_shown = "client_objects_not_shown" "Objects not shown to a client that saw as many as it may.";
    Counter client_events = "client_events" "Events said about clients.";
    Counter client_post_removes_sent = "client_post_removes_sent" "Post-removes routed because a client left.";
    Counter dropped_unknown_object = "client_messages_dropped" {"reason": "unknown_object"} "Messages to clients that were dropped.";
    Counter dropped_not_for_clients = "client_messages_dropped" {"reason": "not_for_clients"} "Messages to clients that were dropped.";
    Counter dropped_malformed = "client_messages_dropped" {"reason": "malformed"} "Messages to clients that were dropped.";
    Counter grants_refused_limit = "client_grants_refused" {"reason": "limit"} "Requests about a client that were refused.";
    Counter grants_refused_unknown_class = "client_grants_refused" {"reason": "unknown_class"} "Requests about a client that were refused.";
    Counter grants_refused_bad_state = "client_grants_refused" {"reason": "bad_state"} "Requests about a client that were refused.";
    Counter grants_refused_bad_channel = "client_grants_refused" {"reason": "bad_channel"} "Requests about a client that were refused.";
    Counter grants_refused_bad_post_remove = "client_grants_refused" {"reason": "bad_post_remove"} "Requests about a client that were refused.";
    Counter grants_refused_no_client = "client_grants_refused" {"reason": "no_client"} "Requests about a client that were refused.";
    Counter ejected_capacity = "clients_ejected" {"why": "capacity"} "Clients ejected.";
    Counter ejected_protocol = "clients_ejected" {"why": "protocol"} "Clients ejected.";
    Counter ejected_identity = "clients_ejected" {"why": "identity"} "Clients ejected.";
    Counter ejected_permission = "clients_ejected" {"why": "permission"} "Clients ejected.";
    Counter ejected_session_object = "clients_ejected" {"why": "session_object"} "Clients ejected.";
    Counter ejected_silent = "clients_ejected" {"why": "silent"} "Clients ejected.";
    Counter ejected_limit = "clients_ejected" {"why": "limit"} "Clients ejected.";
    Counter ejected_cluster = "clients_ejected" {"why": "cluster"} "Clients ejected.";
    Counter dropped_no_recipient = "messages_dropped" {"reason": "no_recipient"} "Messages dropped.";
    Counter dropped_unknown_control = "messages_dropped" {"reason": "unknown_control"} "Messages dropped.";
    Counter dropped_bad_range = "messages_dropped" {"reason": "bad_range"} "Messages dropped.";
    Counter dropped_bad_post_remove = "messages_dropped" {"reason": "bad_post_remove"} "Messages dropped.";
    Counter dropped_control_from_upstream = "messages_dropped" {"reason": "control_from_upstream"} "Messages dropped.";
    Counter dropped_upstream_queue_full = "messages_dropped" {"reason": "upstream_queue_full"} "Messages dropped.";
    Counter dropped_no_event_logger = "messages_dropped" {"reason": "no_event_logger"} "Messages dropped.";
    Counter closed_by_peer = "connections_closed" {"reason": "closed_by_peer"} "Connections ended.";
    Counter closed_reset = "connections_closed" {"reason": "reset"} "Connections ended.";
    Counter closed_not_allowed = "connections_closed" {"reason": "not_allowed"} "Connections ended.";
    Counter closed_too_many = "connections_closed" {"reason": "too_many_participants"} "Connections ended.";
    Counter closed_malformed = "connections_closed" {"reason": "malformed"} "Connections ended.";
    Counter closed_frame_too_long = "connections_closed" {"reason": "frame_too_long"} "Connections ended.";
    Counter closed_backlog = "connections_closed" {"reason": "backlog"} "Connections ended.";
    Counter closed_stalled = "connections_closed" {"reason": "stalled"} "Connections ended.";
    Counter closed_subscriptions = "connections_closed" {"reason": "too_many_subscriptions"} "Connections ended.";
    Counter closed_post_removes = "connections_closed" {"reason": "too_many_post_removes"} "Connections ended.";
    Counter closed_disconnected = "connections_closed" {"reason": "disconnected"} "Connections ended.";
    Counter closed_ejected = "connections_closed" {"reason": "ejected"} "Connections ended.";
    Counter closed_dropped = "connections_closed" {"reason": "dropped"} "Connections ended.";
    Counter refused_too_many = "connections_refused" {"reason": "too_many"} "Clients turned away before they were connected.";
    Counter refused_too_many_of_address = "connections_refused" {"reason": "too_many_of_address"} "Clients turned away before they were connected.";
    Counter refused_too_many_handshakes = "connections_refused" {"reason": "too_many_handshakes"} "Clients turned away before they were connected.";
    Counter refused_handshake_failed = "connections_refused" {"reason": "handshake_failed"} "Clients turned away before they were connected.";
    Counter refused_handshake_timeout = "connections_refused" {"reason": "handshake_timeout"} "Clients turned away before they were connected.";
    Counter refused_bad_proxy_header = "connections_refused" {"reason": "bad_proxy_header"} "Clients turned away before they were connected.";
    Counter refused_proxy_not_trusted = "connections_refused" {"reason": "proxy_not_trusted"} "Clients turned away before they were connected.";
}

/// Why a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CloseReason {
    /// The peer closed it in order.
    ClosedByPeer,
    /// It broke: a reset, a time-out, an error of the socket.
    Reset,
    /// Its address may not join.
    NotAllowed,
    /// There are as many connections as there may be.
    TooManyParticipants,
    /// It sent what is no message.
    Malformed,
    /// It sent a frame over the limit.
    FrameTooLong,
    /// More waited for it than may.
    Backlog,
    /// It read nothing for too long while something waited for it.
    Stalled,
    /// It subscribed more than it may.
    TooManySubscriptions,
    /// It stored more post-removes than it may.
    TooManyPostRemoves,
    /// A client said that it leaves.
    Disconnected,
    /// A client was ejected, and told why.
    Ejected,
    /// The cluster wanted a client gone.
    Dropped,
}

impl CloseReason {
    /// Its name, as the metrics and the log have it.
    pub const fn name(self) -> &'static str {
        match self {
            CloseReason::ClosedByPeer => "closed_by_peer",
            CloseReason::Reset => "reset",
            CloseReason::NotAllowed => "not_allowed",
            CloseReason::TooManyParticipants => "too_many_participants",
            CloseReason::Malformed => "malformed",
            CloseReason::FrameTooLong => "frame_too_long",
            CloseReason::Backlog => "backlog",
            CloseReason::Stalled => "stalled",
            CloseReason::TooManySubscriptions => "too_many_subscriptions",
            CloseReason::TooManyPostRemoves => "too_many_post_removes",
            CloseReason::Disconnected => "disconnected",
            CloseReason::Ejected => "ejected",
            CloseReason::Dropped => "dropped",
        }
    }
}

impl Counts {
    /// Counts a connection that ended.
    pub fn closed(&mut self, reason: CloseReason) {
        *match reason {
            CloseReason::ClosedByPeer => &mut self.closed_by_peer,
            CloseReason::Reset => &mut self.closed_reset,
            CloseReason::NotAllowed => &mut self.closed_not_allowed,
            CloseReason::TooManyParticipants => &mut self.closed_too_many,
            CloseReason::Malformed => &mut self.closed_malformed,
            CloseReason::FrameTooLong => &mut self.closed_frame_too_long,
            CloseReason::Backlog => &mut self.closed_backlog,
            CloseReason::Stalled => &mut self.closed_stalled,
            CloseReason::TooManySubscriptions => &mut self.closed_subscriptions,
            CloseReason::TooManyPostRemoves => &mut self.closed_post_removes,
            CloseReason::Disconnected => &mut self.closed_disconnected,
            CloseReason::Ejected => &mut self.closed_ejected,
            CloseReason::Dropped => &mut self.closed_dropped,
        } += 1;
    }

    /// Counts somebody who was turned away.
    pub fn refused(&mut self, why: Refusal) {
        *match why {
            Refusal::TooMany => &mut self.refused_too_many,
            Refusal::TooManyOfAddress => &mut self.refused_too_many_of_address,
            Refusal::TooManyHandshakes => &mut self.refused_too_many_handshakes,
            Refusal::HandshakeFailed => &mut self.refused_handshake_failed,
            Refusal::HandshakeTimeout => &mut self.refused_handshake_timeout,
            Refusal::BadProxyHeader => &mut self.refused_bad_proxy_header,
            Refusal::ProxyNotTrusted => &mut self.refused_proxy_not_trusted,
        } += 1;
    }
}
