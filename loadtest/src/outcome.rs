//! What a run found out.

use hdrhistogram::Histogram;
use serde::Serialize;

/// What one thread found out. "Measured" is between the end of the warm-up and the end.
pub(crate) struct Part {
    /// Measured.
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    pub(crate) changes: u64,
    pub(crate) seconds: f64,
    /// From the first to the last message.
    pub(crate) sent_total: u64,
    pub(crate) delivered_total: u64,
    pub(crate) lost: u64,
    pub(crate) losses: Vec<String>,
    pub(crate) doubled: u64,
    pub(crate) out_of_order: u64,
    pub(crate) stray: u64,
    pub(crate) broken: Vec<String>,
    pub(crate) latency: Histogram<u64>,
}

impl Part {
    /// So many losses are described one by one.
    pub(crate) const LOSSES_NAMED_MAX: usize = 20;
}

/// What a run found out. Messages are counted once when sent and once per receiver when
/// delivered.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The wire format.
    pub protocol: String,
    /// Messages sent in the measured part.
    pub sent: u64,
    /// Deliveries in the measured part.
    pub delivered: u64,
    /// Subscriptions and ends of subscriptions in the measured part (churn).
    pub changes: u64,
    /// Length of the measured part, in s.
    pub seconds: f64,
    /// Messages sent per second.
    pub sent_per_second: f64,
    /// Deliveries per second.
    pub delivered_per_second: f64,
    /// Subscription changes per second.
    pub changes_per_second: f64,
    /// Deliveries that should have come and did not, warm-up included.
    pub lost: u64,
    /// Deliveries that came more than once, warm-up included.
    pub doubled: u64,
    /// Deliveries that came after a later one of their stream, warm-up included.
    pub out_of_order: u64,
    /// Messages that came where nobody had sent them.
    pub stray: u64,
    /// Which streams lost what; the first twenty.
    pub losses: Vec<String>,
    /// Connections that broke, idle ones included.
    pub broken: Vec<String>,
    /// Messages sent, warm-up included.
    pub sent_total: u64,
    /// Deliveries, warm-up included.
    pub delivered_total: u64,
    /// Connections that send or receive.
    pub connections: u64,
    /// Connections that say nothing.
    pub idle: u64,
    /// Subscriptions present before the traffic, besides those of the streams.
    pub preloaded: u64,
    /// Latency from the intended sending to the arrival, in ns.
    pub latency_ns: Vec<Quantile>,
    /// The mean latency, in ns.
    pub latency_mean_ns: f64,
    /// CPU time of the generator's process in the measured part, in ns. Near the measured time it
    /// is the generator that limits what is measured.
    pub generator_cpu_ns: u64,
    /// What the server used, if its process is known.
    pub server: Option<ServerUse>,
    /// All latencies, in ns.
    #[serde(skip)]
    pub latency: Histogram<u64>,
}

/// A point of the distribution of latencies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantile {
    /// This share of all latencies, 0 to 1, ...
    pub quantile: f64,
    /// ... is at most this, in ns.
    pub ns: u64,
}

/// What the server's process used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ServerUse {
    /// CPU time of all its threads in the measured part, in ns.
    pub cpu_ns: u64,
    /// ... per message sent.
    pub cpu_ns_per_message: f64,
    /// ... per delivery.
    pub cpu_ns_per_delivery: f64,
    /// ... per subscription change; 0 where there were none.
    pub cpu_ns_per_change: f64,
    /// Its resident memory before the first connection, in bytes.
    pub rss_before: u64,
    /// ... with all connections and no traffic but the probes.
    pub rss_connected: u64,
    /// ... after the last message.
    pub rss_after: u64,
    /// Growth by the idle connections, per connection; 0 without any.
    pub bytes_per_idle_connection: f64,
    /// Growth by the subscriptions before the traffic, per subscription; 0 without any.
    pub bytes_per_subscription: f64,
}

const QUANTILES: [f64; 8] = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 1.0];

/// The points that reports show, of a distribution in ns.
pub(crate) fn quantiles(latency: &Histogram<u64>) -> Vec<Quantile> {
    let at = |quantile| Quantile { quantile, ns: latency.value_at_quantile(quantile) };
    QUANTILES.map(at).to_vec()
}

impl Outcome {
    pub(crate) fn of_parts(protocol: &str, parts: Vec<Part>) -> Outcome {
        let mut parts = parts.into_iter();
        let first = parts.next().expect("a plan has at least one thread");
        let whole = parts.fold(first, Part::and);
        let per_second = |count: u64| count as f64 / whole.seconds.max(1e-9);
        Outcome {
            protocol: protocol.to_owned(),
            sent: whole.sent,
            delivered: whole.delivered,
            changes: whole.changes,
            seconds: whole.seconds,
            sent_per_second: per_second(whole.sent),
            delivered_per_second: per_second(whole.delivered),
            changes_per_second: per_second(whole.changes),
            lost: whole.lost,
            doubled: whole.doubled,
            out_of_order: whole.out_of_order,
            stray: whole.stray,
            sent_total: whole.sent_total,
            delivered_total: whole.delivered_total,
            connections: 0,
            idle: 0,
            preloaded: 0,
            latency_ns: quantiles(&whole.latency),
            latency_mean_ns: whole.latency.mean(),
            generator_cpu_ns: 0,
            server: None,
            losses: whole.losses,
            broken: whole.broken,
            latency: whole.latency,
        }
    }

    /// Nothing lost, doubled, out of order or broken.
    pub fn is_sound(&self) -> bool {
        let wrong = self.lost + self.doubled + self.out_of_order + self.stray;
        wrong == 0 && self.broken.is_empty()
    }

    /// What is wrong, one line each.
    pub fn complaints(&self) -> Vec<String> {
        let counts = [
            (self.lost, "lost"),
            (self.doubled, "doubled"),
            (self.out_of_order, "out of order"),
            (self.stray, "stray"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts = counts.map(|(count, what)| format!("{count} {what}"));
        counts.chain(self.losses.iter().cloned()).chain(self.broken.iter().cloned()).collect()
    }
}

impl Part {
    fn and(mut self, other: Part) -> Part {
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.changes += other.changes;
        self.seconds = self.seconds.max(other.seconds);
        self.sent_total += other.sent_total;
        self.delivered_total += other.delivered_total;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.out_of_order += other.out_of_order;
        self.stray += other.stray;
        self.losses.extend(other.losses);
        self.losses.truncate(Part::LOSSES_NAMED_MAX);
        self.broken.extend(other.broken);
        self.latency += other.latency;
        self
    }
}
