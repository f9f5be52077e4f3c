//! Benches: criterion micro-benches, the bare router that is the floor, whole-process throughput.
