//! One module per function: event, dependencies, outcome, error, handle.
