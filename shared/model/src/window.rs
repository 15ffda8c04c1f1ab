//! Half-open spans of time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A window whose end lies before its start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a window cannot end ({until}) before it starts ({from})")]
pub struct WindowError {
    from: Timestamp,
    until: Timestamp,
}

/// `[from, until)`: adjacent windows share no instant and leave none out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Bounds", into = "Bounds")]
pub struct Window {
    from: Timestamp,
    until: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Bounds {
    from: Timestamp,
    until: Timestamp,
}

impl TryFrom<Bounds> for Window {
    type Error = WindowError;

    fn try_from(bounds: Bounds) -> Result<Self, WindowError> {
        Self::new(bounds.from, bounds.until)
    }
}

impl From<Window> for Bounds {
    fn from(window: Window) -> Self {
        Self { from: window.from, until: window.until }
    }
}

impl Window {
    /// `[from, until)`; an empty window is allowed, a reversed one is not.
    pub fn new(from: Timestamp, until: Timestamp) -> Result<Self, WindowError> {
        if until < from {
            return Err(WindowError { from, until });
        }
        Ok(Self { from, until })
    }

    /// First instant inside.
    pub fn from(self) -> Timestamp {
        self.from
    }

    /// First instant after.
    pub fn until(self) -> Timestamp {
        self.until
    }

    /// Whether nothing lies inside.
    pub fn is_empty(self) -> bool {
        self.from == self.until
    }

    /// Whether the instant lies inside.
    pub fn contains(self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

/// RFC 3339 in UTC with exactly nine fraction digits, so that text order is time order.
pub fn fixed_text(at: Timestamp) -> String {
    format!("{at:.9}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_outside() {
        let at = |s: &str| s.parse::<Timestamp>().unwrap();
        let day = Window::new(at("2022-05-25T00:00:00Z"), at("2022-05-26T00:00:00Z")).unwrap();
        assert!(day.contains(at("2022-05-25T23:59:59.999999999Z")));
        assert!(!day.contains(day.until()));
        assert!(Window::new(day.until(), day.from()).is_err());
    }

    #[test]
    fn fixed_text_orders_like_time() {
        let a = fixed_text("2024-01-01T00:00:00Z".parse().unwrap());
        let b = fixed_text("2024-01-01T00:00:00.5Z".parse().unwrap());
        assert_eq!(a, "2024-01-01T00:00:00.000000000Z");
        assert!(a < b);
    }
}
