//! What every process needs: variables, clock, ids, tracing, metrics.
