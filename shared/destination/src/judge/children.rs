//! Batches that follow from an answer.

use std::time::Duration;

use super::Sent;
use crate::destination::Destination;
use crate::operation::Operation;
use crate::verdict::{Action, Attempt, Child, Judgement, Next};
use model::OperationName;

impl Destination {
    /// The batches that items of a judged batch go on in, each within the limits of its
    /// operation. The same judgement always gives the same ones.
    pub fn children(
        &self,
        operation: &Operation,
        sent: &Sent<'_>,
        judgement: &Judgement,
    ) -> Vec<Child> {
        match &judgement.next {
            Next::Split => operation.halves(sent),
            Next::Settled(items) => {
                let mut groups: Vec<Child> = Vec::new();
                for item in items {
                    let Some((operation, wait, attempt)) = again(operation, sent, &item.action)
                    else {
                        continue;
                    };
                    let most = self.most(&operation);
                    let open = groups
                        .iter_mut()
                        .rev()
                        .find(|child| child.operation == operation && child.attempt == attempt);
                    if let Some(child) = open.filter(|child| child.references.len() < most) {
                        child.references.push(item.reference.clone());
                        child.wait = child.wait.max(wait);
                    } else {
                        let references = vec![item.reference.clone()];
                        groups.push(Child { operation, references, wait, attempt });
                    }
                }
                groups
            }
            Next::Repeat { .. } | Next::Refresh { .. } | Next::Stop { .. } | Next::Job { .. } => {
                Vec::new()
            }
        }
    }

    fn most(&self, name: &OperationName) -> usize {
        self.operation(name).map_or(1, |operation| operation.limits.max_items.get())
    }
}

/// How an item goes on: by which operation, when, and with what counted.
fn again(
    operation: &Operation,
    sent: &Sent<'_>,
    action: &Action,
) -> Option<(OperationName, Duration, Attempt)> {
    let attempt = Attempt { refreshed: false, ..sent.attempt.clone() };
    let own = operation.name().clone();
    match action {
        Action::Succeed | Action::Duplicate | Action::Fail | Action::Unknown => None,
        Action::Retry { wait } => {
            Some((own, *wait, Attempt { tries: attempt.tries + 1, ..attempt }))
        }
        Action::Defer { wait } => {
            Some((own, *wait, Attempt { defers: attempt.defers + 1, ..attempt }))
        }
        Action::Reroute { to } => {
            let attempt = Attempt { tries: 0, reroutes: attempt.reroutes + 1, ..attempt };
            Some((to.clone(), Duration::ZERO, attempt))
        }
    }
}

impl Operation {
    /// A batch in two halves; one item alone stays one.
    pub fn halves(&self, sent: &Sent<'_>) -> Vec<Child> {
        let middle = sent.references.len().div_ceil(2);
        let (first, second) = sent.references.split_at_checked(middle).unwrap_or_default();
        let half = |references: &[String]| Child {
            operation: self.name().clone(),
            references: references.to_vec(),
            wait: Duration::ZERO,
            attempt: Attempt { refreshed: false, ..sent.attempt.clone() },
        };
        [first, second].into_iter().filter(|part| !part.is_empty()).map(half).collect()
    }
}
