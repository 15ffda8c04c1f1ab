//! Which records are one thing.

use std::collections::{BTreeMap, BTreeSet};

use model::SignedDuration;

use super::entity::ConflictKind;
use super::keys::keys;
use super::observation::Record;
use super::rules::{Confidence, Rules, Tier};

/// Records that are one thing.
#[derive(Debug)]
pub(super) struct Group {
    /// Their places, rising.
    pub(super) members: Vec<usize>,
    /// The weakest link among them.
    pub(super) confidence: Confidence,
}

/// A link that was not followed.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) between: [usize; 2],
    pub(super) tier: String,
    pub(super) key: String,
    pub(super) kind: ConflictKind,
}

/// A link between two records: those seen closest to each other come first, for a name or an
/// address that has passed from one thing to the next belongs to its contemporary.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Link<'k> {
    apart: SignedDuration,
    key: &'k str,
    between: [usize; 2],
}

/// Groups under construction, each known by one of its members.
struct Groups {
    parents: Vec<usize>,
    /// By tier, then by group: the keys of tiers that forbid.
    vetoes: Vec<Vec<BTreeSet<String>>>,
    low: Vec<bool>,
}

/// Groups of records that are one thing, and the links that were not followed. It depends on the
/// records and on their order; callers give them in an order of their own making.
pub(super) fn groups(rules: &Rules, records: &[&Record]) -> (Vec<Group>, Vec<Doubt>) {
    let tiers = &rules.tiers;
    let keys: Vec<_> = records.iter().map(|record| keys(rules, record)).collect();
    let of = |tier: usize| {
        keys.iter().map(move |keys| keys.get(tier).cloned().unwrap_or_default()).collect::<Vec<_>>()
    };
    let vetoes =
        tiers.iter().enumerate().map(|(n, tier)| if tier.veto { of(n) } else { Vec::new() });
    let mut groups = Groups {
        parents: (0..records.len()).collect(),
        vetoes: vetoes.collect(),
        low: vec![false; records.len()],
    };
    let mut doubts = Vec::new();
    for (n, tier) in tiers.iter().enumerate() {
        let keys = of(n);
        for link in links(tier, &keys, records, &groups) {
            let [a, b] = link.between.map(|one| groups.root(one));
            if a == b {
                continue;
            }
            let unsure = tier.confidence == Confidence::Low && !rules.merge_low_confidence;
            let kind = match (groups.forbids(n, a, b), unsure) {
                (true, _) => ConflictKind::Vetoed,
                (false, true) => ConflictKind::Unsure,
                (false, false) => {
                    groups.unite([a, b], tier.confidence);
                    continue;
                }
            };
            let (tier, key) = (tier.name.clone(), link.key.to_owned());
            doubts.push(Doubt { between: link.between, tier, key, kind });
        }
    }
    let done = groups.finish();
    (done, doubts)
}

/// The links of a tier between different groups, in the order in which they are followed.
fn links<'k>(
    tier: &Tier,
    keys: &'k [BTreeSet<String>],
    records: &[&Record],
    groups: &Groups,
) -> Vec<Link<'k>> {
    let mut holders: BTreeMap<&str, Vec<(usize, &Record)>> = BTreeMap::new();
    for ((n, record), keys) in records.iter().enumerate().zip(keys) {
        for key in keys {
            holders.entry(key).or_default().push((n, record));
        }
    }
    let mut links = Vec::new();
    for (key, holders) in &holders {
        for (n, (a, first)) in holders.iter().enumerate() {
            for (b, second) in holders.iter().skip(n + 1) {
                let apart = first.seen.at.duration_since(second.seen.at).abs();
                let near = tier.within.is_none_or(|within| apart.unsigned_abs() <= within);
                if near && groups.root(*a) != groups.root(*b) {
                    links.push(Link { apart, key, between: [*a, *b] });
                }
            }
        }
    }
    links.sort();
    links
}

impl Groups {
    fn root(&self, mut one: usize) -> usize {
        while let Some(parent) = self.parents.get(one).filter(|parent| **parent != one) {
            one = *parent;
        }
        one
    }

    /// Whether a stronger tier than this one says that the groups differ.
    fn forbids(&self, tier: usize, a: usize, b: usize) -> bool {
        self.vetoes.iter().take(tier).any(|groups| match (groups.get(a), groups.get(b)) {
            (Some(a), Some(b)) => !a.is_empty() && !b.is_empty() && a.is_disjoint(b),
            _ => false,
        })
    }

    fn unite(&mut self, [a, b]: [usize; 2], confidence: Confidence) {
        let (into, from) = (a.min(b), a.max(b));
        if let Some(parent) = self.parents.get_mut(from) {
            *parent = into;
        }
        for groups in &mut self.vetoes {
            let more = groups.get_mut(from).map(std::mem::take).unwrap_or_default();
            if let Some(keys) = groups.get_mut(into) {
                keys.extend(more);
            }
        }
        let low = confidence == Confidence::Low || self.low.get(from).copied().unwrap_or_default();
        if let Some(flag) = self.low.get_mut(into) {
            *flag |= low;
        }
    }

    fn finish(self) -> Vec<Group> {
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for one in 0..self.parents.len() {
            members.entry(self.root(one)).or_default().push(one);
        }
        let group = |(root, members): (usize, Vec<usize>)| {
            let low = self.low.get(root).copied().unwrap_or_default();
            let confidence = if low { Confidence::Low } else { Confidence::High };
            Group { members, confidence }
        };
        members.into_iter().map(group).collect()
    }
}
