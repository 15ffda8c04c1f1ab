//! An adapter and what must outlive it.

use std::fmt;
use std::ops::Deref;

/// Hands out an adapter and keeps what it stands on: a temporary folder, a server.
pub struct Kept<P> {
    port: P,
    _ground: Box<dyn Send + Sync>,
}

impl<P> Kept<P> {
    /// An adapter on its ground.
    pub fn new(port: P, ground: impl Send + Sync + 'static) -> Self {
        Self { port, _ground: Box::new(ground) }
    }
}

impl<P> Deref for Kept<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.port
    }
}

impl<P: fmt::Debug> fmt::Debug for Kept<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.port).finish_non_exhaustive()
    }
}
