//! Who is admitted.
