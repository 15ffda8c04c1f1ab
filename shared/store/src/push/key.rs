//! Where the rows of a push lie.

use std::fmt;

use model::{ModelName, PushId, TenantId};
use ports::Key;
use serde::{Deserialize, Serialize};

use crate::key::fingerprint;

/// Partitions that the entities of a push are spread over.
const SHARDS: u128 = 64;

/// One push of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PushKey {
    /// Tenant.
    pub tenant: TenantId,
    /// Push.
    pub push: PushId,
}

impl fmt::Display for PushKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.push)
    }
}

impl PushKey {
    pub(super) fn partition(&self) -> String {
        format!("push#{}#{}", self.tenant, self.push)
    }

    fn row(&self, sort: String) -> Key {
        Key { partition: self.partition(), sort }
    }

    pub(super) fn head(&self) -> Key {
        self.row("head".to_owned())
    }

    pub(super) fn circuit(&self) -> Key {
        self.row("circuit".to_owned())
    }

    pub(super) fn wake(&self) -> Key {
        self.row("wake".to_owned())
    }

    pub(super) fn group(&self, order: &str) -> Key {
        self.row(format!("group#{order}"))
    }

    pub(super) fn closed(&self, order: &str) -> Key {
        self.row(format!("closed#{order}"))
    }

    pub(super) fn open(&self, order: &str) -> Key {
        self.row(format!("open#{order}"))
    }

    pub(super) fn done_partition(&self, group: &str) -> String {
        format!("pushed#{}#{}#{group}", self.tenant, self.push)
    }

    pub(super) fn done(&self, group: &str, batch: &str) -> Key {
        Key { partition: self.done_partition(group), sort: batch.to_owned() }
    }

    pub(super) fn intake(&self, model: &ModelName) -> Key {
        self.row(format!("intake#{model}"))
    }

    pub(super) fn entity(&self, model: &ModelName, entity: &str) -> Key {
        let name = fingerprint(entity);
        let shard = name >> 120 & (SHARDS - 1);
        Key {
            partition: format!("entity#{}#{}#{shard:02}", self.tenant, self.push),
            sort: format!("{model}#{name:032x}"),
        }
    }
}

/// Where a batch stands that goes on with items of another: the first takes its place, the others
/// stand right behind it, before those that came of an earlier round of it and may still be open.
pub fn child_order(parent: &str, round: u32, number: usize) -> String {
    if number == 0 {
        return parent.to_owned();
    }
    format!("{parent}-{:010}-{number:03}", u32::MAX - round)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_stand_between_their_parent_and_whatever_comes_next() {
        let parent = "20260102T030405.678Z.00.ab.00000007";
        let next = "20260102T030405.678Z.00.ab.00000008";
        let second = child_order(parent, 0, 1);
        let grandchild = child_order(&second, 1, 2);
        assert_eq!(child_order(parent, 0, 0), parent);
        assert!(parent < second.as_str() && second < grandchild && grandchild.as_str() < next);
        assert!(grandchild < child_order(parent, 0, 2));
    }

    #[test]
    fn a_batch_that_is_halved_again_meets_none_of_its_siblings() {
        let (parent, sibling) = ("o.00000007", child_order("o.00000007", 0, 1));
        let again = child_order(&child_order(parent, 0, 0), 1, 1);
        assert!(parent < again.as_str() && again < sibling);
    }
}
