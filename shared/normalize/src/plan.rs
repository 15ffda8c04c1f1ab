//! The places of a record that a model speaks of, as a tree that one pass can follow.

use crate::kind::{JsonType, JsonTypes};
use crate::path::{From, Path, Step};

/// A tree of places, compiled from all paths of a source.
#[derive(Debug)]
pub(crate) struct Plan {
    nodes: Vec<Node>,
    /// The place whose values become rows: the record itself, or its children.
    pub(crate) row: usize,
    /// Whether a value belongs to the row, by slot; else it belongs to the record around it.
    pub(crate) slots: Vec<bool>,
}

/// A place.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Members that are spoken of, by name, in order.
    children: Vec<(Box<str>, usize)>,
    /// The items of the list.
    pub(crate) each: Option<usize>,
    /// Where the value goes.
    pub(crate) slot: Option<usize>,
    /// Its path from the record.
    pub(crate) path: String,
    /// The types that its value may have; any when there are none.
    pub(crate) expected: JsonTypes,
    /// Whether it is told when no record has it any more.
    pub(crate) needed: bool,
    /// Rows come out of this list, so nothing else than a list may stand here.
    pub(crate) is_exploded: bool,
    /// The place around it.
    pub(crate) parent: usize,
}

impl Node {
    /// Whether members of its value are spoken of.
    pub(crate) fn has_children(&self) -> bool {
        !self.children.is_empty()
    }
}

impl Plan {
    /// A plan of rows that come out of the record itself, or out of the lists on a path.
    pub(crate) fn new(explode: Option<&Path>) -> Self {
        let mut plan = Self { nodes: vec![Node::default()], row: 0, slots: Vec::new() };
        for step in explode.into_iter().flat_map(|path| &path.steps) {
            if let (Step::Each, Some(node)) = (step, plan.nodes.get_mut(plan.row)) {
                node.is_exploded = true;
            }
            plan.row = plan.step(plan.row, step, true);
        }
        plan
    }

    /// All places, the record first.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The place of that number.
    pub(crate) fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    /// The member of that name, when it is spoken of.
    pub(crate) fn child(&self, at: usize, name: &str) -> Option<usize> {
        let children = &self.nodes.get(at)?.children;
        let found = children.binary_search_by(|(one, _)| one.as_ref().cmp(name)).ok()?;
        children.get(found).map(|(_, node)| *node)
    }

    /// Whether a path that begins at the record runs into the rows.
    pub(crate) fn is_within_row(&self, path: &Path) -> bool {
        let mut at = Some(0);
        for step in &path.steps {
            if at == Some(self.row) {
                return true;
            }
            at = at.and_then(|node| match step {
                Step::Key(name) => self.child(node, name),
                Step::Each => self.nodes.get(node)?.each,
            });
        }
        at == Some(self.row)
    }

    /// A place that is known and stays in the rest.
    pub(crate) fn know(&mut self, path: &Path) {
        let needed = !path.optional;
        let start = self.start(path);
        path.steps.iter().fold(start, |at, step| self.step(at, step, needed));
    }

    /// The slot of the values at a path, whose types are to be these.
    pub(crate) fn slot(&mut self, path: &Path, needed: bool, expected: JsonTypes) -> usize {
        let start = self.start(path);
        let at = path.steps.iter().fold(start, |at, step| self.step(at, step, needed));
        let next = self.slots.len();
        let Some(node) = self.nodes.get_mut(at) else { return next };
        node.expected = node.expected.with(expected);
        let slot = *node.slot.get_or_insert(next);
        if slot == next {
            self.slots.push(start == self.row);
        }
        slot
    }

    fn start(&self, path: &Path) -> usize {
        match path.from {
            From::Row => self.row,
            From::Record => 0,
        }
    }

    /// The place one step further, made when it is not there.
    fn step(&mut self, at: usize, step: &Step, needed: bool) -> usize {
        let next = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let (found, path) = match step {
            Step::Each => {
                node.expected.add(JsonType::Array);
                (*node.each.get_or_insert(next), format!("{}[]", node.path))
            }
            Step::Key(name) => {
                node.expected.add(JsonType::Object);
                let place = node.children.binary_search_by(|(one, _)| one.as_ref().cmp(name));
                let found = match place {
                    Ok(at) => node.children.get(at).map_or(next, |(_, node)| *node),
                    Err(at) => {
                        node.children.insert(at, (name.as_str().into(), next));
                        next
                    }
                };
                let dot = if node.path.is_empty() { "" } else { "." };
                (found, format!("{}{dot}{name}", node.path))
            }
        };
        if found == next {
            self.nodes.push(Node { path, parent: at, ..Node::default() });
        }
        if let Some(node) = self.nodes.get_mut(found) {
            node.needed |= needed;
        }
        found
    }
}
