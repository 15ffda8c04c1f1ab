//! The project's own tasks: what a person or CI types as `cargo xtask …`.
//!
//! The library half is what system tests share with the tasks: the templates as data
//! ([`template`]), the emulated cloud with the templates' resources ([`cloud`]), and a Trino that
//! reads a folder ([`trino`]).

pub mod cloud;
pub mod emulators;
mod fault;
mod install;
pub mod machine;
mod pocketbase;
mod process;
pub mod tasks;
pub mod template;
pub mod trino;
mod wire;

pub use fault::Fault;
