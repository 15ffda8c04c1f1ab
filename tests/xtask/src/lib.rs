//! The project's own tasks: what a person or CI types as `cargo xtask …`.
//!
//! The library half is what system tests share with the tasks: the templates as data
//! ([`template`]), and the emulated cloud with the templates' resources ([`cloud`]).

pub mod cloud;
mod fault;
pub mod template;
mod wire;

pub use fault::Fault;
