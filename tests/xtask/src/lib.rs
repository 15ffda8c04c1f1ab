//! The project's own tasks: what a person or CI types as `cargo xtask …`.
//!
//! The library half is what system tests share with the tasks: the templates as data
//! ([`template`]), and the emulated cloud with the templates' resources ([`cloud`]).

pub mod cloud;
pub mod emulators;
mod fault;
mod install;
pub mod machine;
pub mod tasks;
pub mod template;
mod wire;

pub use fault::Fault;
