//! Python's equality and order.

use std::cmp::Ordering;

use super::Value;

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        if let (Some(a), Some(b)) = (self.as_dict(), other.as_dict()) {
            return a == b;
        }
        match (self, other) {
            (Self::Undefined, Self::Undefined) | (Self::None, Self::None) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::Number(n), Self::Bool(flag)) | (Self::Bool(flag), Self::Number(n)) => {
                *n == i64::from(*flag).into()
            }
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => a == b,
            (Self::DateTime(a), Self::DateTime(b)) => a.order(b) == Some(Ordering::Equal),
            (Self::Date(a), Self::Date(b)) => a == b,
            (Self::Period(a), Self::Period(b)) => a == b,
            _ => false,
        }
    }
}

impl Value {
    /// Python's order; none where Python raises `TypeError`.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(_) | Self::Number(_), Self::Bool(_) | Self::Number(_)) => {
                self.as_number()?.order(&other.as_number()?)
            }
            (Self::Str(a), Self::Str(b)) => Some(a.cmp(b)),
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => {
                for (x, y) in a.iter().zip(b.iter()) {
                    if x != y {
                        return x.order(y);
                    }
                }
                Some(a.len().cmp(&b.len()))
            }
            (Self::DateTime(a), Self::DateTime(b)) => a.order(b),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Period(a), Self::Period(b)) => a.order(b),
            _ => None,
        }
    }

    /// The number, a boolean counting as one.
    pub fn as_number(&self) -> Option<super::Number> {
        match self {
            Self::Number(number) => Some(number.clone()),
            Self::Bool(flag) => Some(i64::from(*flag).into()),
            _ => None,
        }
    }
}
