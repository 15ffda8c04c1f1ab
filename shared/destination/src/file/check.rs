//! What only shows when the parts of a file are read together.

use std::collections::BTreeSet;

use model::config::At;

use super::operation::Read;
use super::template::Reader;
use crate::rule::{Level, Rule, Then};
use model::OperationName;

impl Reader<'_, '_> {
    pub(super) fn check(&mut self, root: &At<'_>, operations: &[Read<'_>]) {
        for read in operations {
            self.targets(read, operations);
            self.hidden(&read.own);
            self.pointless(read);
        }
        self.hidden_everywhere(operations);
        self.loops(operations);
        self.waiting(operations);
        if let Some(rules) = root.field("rules").filter(|_| operations.is_empty()) {
            self.d.fault(&rules, "there is no operation that these rules could be for");
        }
    }

    /// Operations that rules send items to.
    fn targets(&mut self, read: &Read<'_>, operations: &[Read<'_>]) {
        for (at, rule) in read.own.iter().chain(&read.shared) {
            let Then::Reroute { to, .. } = &rule.then else { continue };
            let place = At { node: at.node.get("then").unwrap_or(at.node), path: at.below("then") };
            if *to == read.operation.name {
                let message = format!("`{to}` sends items to itself; `retry` does the same again");
                self.d.fault(&place, message);
            } else {
                self.known(&place, to, operations);
            }
        }
    }

    /// Rules that come after one that takes all they could.
    fn hidden(&mut self, rules: &[(At<'_>, Rule)]) {
        for (n, (at, rule)) in rules.iter().enumerate() {
            let before = rules.iter().take(n).map(|(_, earlier)| earlier);
            if let Some(earlier) = before.into_iter().find(|earlier| earlier.hides(rule)) {
                self.unreachable(at, earlier);
            }
        }
    }

    fn unreachable(&mut self, at: &At<'_>, earlier: &Rule) {
        let line = earlier.line;
        let message =
            format!("this rule is never reached: the one of line {line} takes all that it could");
        self.d.fault(at, message);
    }

    /// Rules of the file that are never reached by any operation that they are for.
    fn hidden_everywhere(&mut self, operations: &[Read<'_>]) {
        let mut seen = BTreeSet::new();
        let all = operations.iter().flat_map(|read| &read.shared);
        for (at, rule) in all {
            if !seen.insert(at.path.clone()) {
                continue;
            }
            let hiding = |read: &Read<'_>| {
                let place = read.shared.iter().position(|(other, _)| other.path == at.path);
                let before = place.map(|place| read.shared.iter().take(place));
                let before = read.own.iter().chain(before.into_iter().flatten());
                let earlier = before.map(|(_, earlier)| earlier);
                place.map(|_| earlier.into_iter().find(|one| one.hides(rule)).map(|one| one.line))
            };
            let hiding: Vec<Option<u32>> = operations.iter().filter_map(hiding).collect();
            if let Some(Some(line)) = hiding.first().filter(|_| hiding.iter().all(Option::is_some))
            {
                let message = format!(
                    "this rule is never reached: the one of line {line} takes all that it could"
                );
                self.d.fault(at, message);
            }
        }
    }

    /// Rules about what the operation does not have.
    fn pointless(&mut self, read: &Read<'_>) {
        for (at, rule) in &read.own {
            let lacks = match rule.level {
                Level::Item if read.operation.results.is_none() => "results",
                Level::Job if read.operation.job.is_none() => "async",
                _ => continue,
            };
            let name = &read.operation.name;
            self.d.fault(at, format!("this rule is never reached: `{name}` has no `{lacks}`"));
        }
    }

    /// Operations that send items to each other, unless one of the rules says how often.
    fn loops(&mut self, operations: &[Read<'_>]) {
        for read in operations {
            let mut path = vec![read.operation.name.clone()];
            let Some((at, names)) = round(read, operations, &mut path) else { continue };
            let place = At { node: at.node.get("then").unwrap_or(at.node), path: at.below("then") };
            let round: Vec<&str> = names.iter().map(OperationName::as_str).collect();
            let message = format!(
                "items could go round: {}; say how often an item is sent on: \
                 `{{reroute: {{to: {}, most: 1}}}}`",
                round.join(" → "),
                names.last().map_or("", OperationName::as_str),
            );
            self.d.fault(&place, message);
            return;
        }
    }

    /// Operations that wait for others which there are none of, or which wait for them.
    fn waiting(&mut self, operations: &[Read<'_>]) {
        for read in operations {
            let Some(at) = read.at.field("waits_for") else { continue };
            for name in &read.operation.waits_for {
                self.known(&at, name, operations);
                let waits = awaits(name, &read.operation.name, operations, &mut BTreeSet::new());
                if waits {
                    let message =
                        format!("`{}` and `{name}` wait for each other", read.operation.name);
                    self.d.fault(&at, message);
                }
            }
        }
    }
}

/// A way from an operation back to itself by rules that do not say how often, and the last rule
/// on it.
fn round<'r, 'n>(
    read: &'r Read<'n>,
    operations: &'r [Read<'n>],
    path: &mut Vec<OperationName>,
) -> Option<(&'r At<'n>, Vec<OperationName>)> {
    for (at, rule) in read.own.iter().chain(&read.shared) {
        let Then::Reroute { to, .. } = &rule.then else { continue };
        let said = at.node.get("then").and_then(|then| then.get("reroute")?.get("most"));
        if said.is_some() || *to == read.operation.name {
            continue;
        }
        if path.first() == Some(to) {
            let mut names = path.clone();
            names.push(to.clone());
            return Some((at, names));
        }
        if path.contains(to) {
            continue;
        }
        let Some(next) = operations.iter().find(|other| other.operation.name == *to) else {
            continue;
        };
        path.push(to.clone());
        if let Some(found) = round(next, operations, path) {
            return Some(found);
        }
        path.pop();
    }
    None
}

/// Whether an operation waits for another in the end, or is it.
fn awaits<'r>(
    name: &'r OperationName,
    wanted: &OperationName,
    operations: &'r [Read<'_>],
    seen: &mut BTreeSet<&'r str>,
) -> bool {
    if name == wanted {
        return true;
    }
    let next = operations.iter().find(|other| other.operation.name == *name);
    let next = next.filter(|_| seen.insert(name.as_str()));
    let mut further = next.into_iter().flat_map(|read| &read.operation.waits_for);
    further.any(|name| awaits(name, wanted, operations, seen))
}
