//! The only user of reqwest: address policy, limits, time-outs.
