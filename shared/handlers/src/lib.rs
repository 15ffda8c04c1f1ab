//! One module per function: event, dependencies, outcome, error, handle.

pub mod batch;
pub mod compact;
pub mod configuration;
pub mod configured;
pub mod deploy;
pub mod erase;
pub mod event;
pub mod export;
pub mod extract;
pub mod files;
pub mod identity;
pub mod job;
pub mod pull;
pub mod push;
pub mod quarantine;
pub mod report;
pub mod schedule;
pub mod tables;
pub mod transform;
pub mod webhook;
pub mod why;
