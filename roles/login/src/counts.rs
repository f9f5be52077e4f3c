//! What a LoginManager counts.

use runtime::counts::{Metric, MetricKind};

macro_rules! counts {
    ($($kind:ident $field:ident = $name:literal $help:literal;)*) => {
        /// What a LoginManager has counted since its start, and what it holds now.
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
                label: None,
            }),*];

            /// All values.
            pub fn values(&self) -> [u64; Counts::LEN] {
                [$(self.$field),*]
            }
        }
    };
}

counts! {
    Counter asked = "logins_asked" "Logins that clients asked for.";
    Counter welcomed = "logins_welcomed" "Clients that were let in.";
    Counter registered = "logins_registered" "Accounts that were registered.";
    Counter wrong_passwords = "logins_wrong_passwords" "Logins with a wrong name or password.";
    Counter ejected = "logins_ejected" "Clients ejected because of too many wrong passwords.";
    Counter replaced = "logins_replaced" "Clients ejected because their account logged in elsewhere.";
    Counter not_left = "logins_not_left" "Clients that were replaced though nobody said that they were gone.";
    Counter not_arrived = "logins_not_arrived" "Clients that were let in and ejected as their visitor did not arrive in the park.";
    Counter busy = "logins_busy" "Logins put off because too many were under way.";
    Counter repeated = "logins_repeated" "Logins of clients that were logged in or about to be.";
    Counter late = "logins_late" "Logins that took too long and were given up.";
    Counter failed = "logins_failed" "Logins that the Database or a password's hash made impossible.";
    Counter gone = "logins_gone" "Logins of clients that left before the end.";
    Counter malformed = "logins_malformed" "Messages that were none, or not possible.";
    Gauge under_way = "logins_under_way" "Logins under way now.";
    Gauge registrations = "registrations_under_way" "Registrations under way now.";
    Gauge hashing = "passwords_under_way" "Passwords being hashed or verified now, or waiting for it.";
    Gauge guests = "login_clients" "Clients now that are logged in or have tried.";
    Gauge visitors = "login_visitors" "Clients now that are logged in.";
    Gauge linked = "login_linked" "Whether clients are heard now, and the park is there: 1 or 0.";
}
