//! Repositories on Table: leases, plans, commits, state, call budgets, runs.
