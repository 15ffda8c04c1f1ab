//! What every process needs and no handler may reach for: variables, the clock, ids, tracing,
//! and metrics as lines of CloudWatch's embedded metric format.
//!
//! Hosts build these once, at start, and hand them on as arguments; everything further in takes
//! [`ports::Clock`], [`ports::Ids`] and [`ports::Metrics`].
//!
//! ```
//! use host::Vars;
//! let vars = Vars::of(&[("PAGES", "50")]);
//! assert_eq!(vars.parsed("PAGES", 10_u32).unwrap(), 50);
//! assert_eq!(vars.parsed("HOPS", 10_u32).unwrap(), 10);
//! ```
//!
//! It is *not* a configuration framework: a setting is one variable, read by name.

mod clock;
mod emf;
mod logs;
mod vars;

pub use clock::{SystemClock, SystemIds};
pub use emf::{Emf, MAX_DIMENSIONS, MAX_METRICS, MAX_VALUES, NAMESPACE};
pub use logs::{LogStyle, init_logs};
pub use vars::{VarError, Vars};
