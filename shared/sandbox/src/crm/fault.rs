//! Ways in which the CRM fails.

use serde::{Deserialize, Serialize};

use super::operation::Operation;
use crate::dice::Dice;

/// One way to fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Fault {
    /// That status, and nothing done.
    Status {
        status: u16,
        /// `Retry-After`, in seconds.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// The batch is carried out and answered with that status.
    CommittedThen { status: u16 },
    /// The answer comes late.
    Slow {
        millis: u64,
        /// Whether the batch is carried out before the wait; else after it, if the caller is
        /// still there.
        #[serde(default)]
        committed: bool,
    },
    /// The batch is carried out; the connection breaks in the middle of the answer.
    Disconnect,
    /// The batch is carried out; the answer's JSON ends in its middle.
    Truncated,
    /// HTML where JSON was promised, and nothing done.
    Malformed,
    /// The token of the call ends now.
    ExpiredToken,
    /// The batch is carried out; the result of one item is left out.
    MissingRef,
    /// One item is not carried out and has a code that nobody knows.
    UnknownCode { code: u16 },
}

/// A fault that lies in wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Switch {
    #[serde(flatten)]
    fault: Fault,
    /// For this tenant; for all when absent.
    #[serde(default)]
    pub(super) tenant: Option<String>,
    /// In this operation; in all when absent.
    #[serde(default)]
    operation: Option<Operation>,
    /// After this many calls have passed unharmed.
    #[serde(default)]
    skip: u32,
    /// So many times; until it is cleared when absent.
    #[serde(default)]
    times: Option<u32>,
    /// In so many of a thousand calls; in all of them when absent.
    #[serde(default)]
    permille: Option<i64>,
}

impl Switch {
    /// What keeps it from being understood.
    pub(super) fn complaint(&self) -> Option<&'static str> {
        let (Fault::Status { status, .. } | Fault::CommittedThen { status }) = self.fault else {
            return None;
        };
        (!(400..600).contains(&status)).then_some("status is from 400 to 599")
    }

    fn strikes(&mut self, tenant: &str, operation: Operation, dice: &mut Dice) -> bool {
        let is_meant = self.tenant.as_deref().is_none_or(|name| name == tenant)
            && self.operation.is_none_or(|name| name == operation);
        if !is_meant {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.permille.is_none_or(|permille| dice.permille(permille))
    }
}

/// The faults that lie in wait.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Switch>);

impl Faults {
    pub(super) fn add(&mut self, switch: Switch) {
        self.0.push(switch);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn list(&self) -> &[Switch] {
        &self.0
    }

    /// The fault that this call meets: the first one that strikes.
    pub(super) fn take(
        &mut self,
        tenant: &str,
        operation: Operation,
        dice: &mut Dice,
    ) -> Option<Fault> {
        let at = self.0.iter_mut().position(|switch| switch.strikes(tenant, operation, dice))?;
        let switch = self.0.get_mut(at)?;
        let fault = switch.fault.clone();
        if let Some(times) = &mut switch.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.0.remove(at);
            }
        }
        Some(fault)
    }
}
