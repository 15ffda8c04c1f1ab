//! Refuses what does not run, before anything runs: every fault with its line and field.

use model::document::{Fault, Node, NodeValue, suggest};

use super::Place;
use super::vocabulary::{self, KINDS, Kind};

/// All faults of a resolved manifest.
pub(super) fn check(file: &str, root: &Node) -> Vec<Fault> {
    let mut checker = Checker { file, faults: Vec::new(), template: false };
    checker.component(root, &["DeclarativeSource"], &Place::default());
    checker.faults
}

/// All faults of a stream that was made of a template.
pub(super) fn check_made(file: &str, stream: &Node, place: &str) -> Vec<Fault> {
    let mut checker = Checker { file, faults: Vec::new(), template: false };
    checker.component(stream, &STREAMS, &Place(place.to_owned()));
    checker.faults
}

/// What a template of streams may be.
const STREAMS: [&str; 2] = ["DeclarativeStream", "StateDelegatingStream"];

struct Checker<'a> {
    file: &'a str,
    faults: Vec<Fault>,
    /// Within a template, what is still missing may be filled in.
    template: bool,
}

impl Checker<'_> {
    fn component(&mut self, node: &Node, accepted: &[&str], place: &Place) {
        let Some(kind) = self.kind(node, accepted, place) else { return };
        self.fields(node, kind, place);
        if !self.template {
            self.special(node, kind, place);
        }
    }

    fn fields(&mut self, node: &Node, kind: &Kind, place: &Place) {
        for field in kind.required {
            if node.get(field).is_none_or(Node::is_null) {
                self.fault(node, place, format!("{} needs `{field}`", kind.name));
            }
        }
        for (field, accepted) in kind.children {
            let place = place.field(field);
            match node.get(field) {
                Some(child) if accepted.is_empty() && !is_nothing(child) => {
                    let message = format!("`{field}` of {} is not supported", kind.name);
                    self.fault(child, &place, message);
                }
                Some(child) if !accepted.is_empty() => {
                    let outside = self.template;
                    self.template |= *field == "stream_template";
                    self.children(child, accepted, &place);
                    self.template = outside;
                }
                _ => {}
            }
        }
    }

    fn children(&mut self, child: &Node, accepted: &[&str], place: &Place) {
        match &child.value {
            NodeValue::Sequence(items) => {
                let texts = place.ends_with(&vocabulary::TEXT_TOO);
                let components = items.iter().enumerate();
                for (i, item) in components.filter(|(_, item)| !(texts && item.text().is_some())) {
                    self.component(item, accepted, &place.index(i));
                }
            }
            NodeValue::Null => {}
            NodeValue::String(_) if place.ends_with(&vocabulary::TEXT_TOO) => {}
            _ => self.component(child, accepted, place),
        }
    }

    /// The kind of a component, if it may stand here.
    fn kind(&mut self, node: &Node, accepted: &[&str], place: &Place) -> Option<&'static Kind> {
        let options = accepted.join(", ");
        let Some(kind) = node.get("type") else {
            if let ([only], Some(_)) = (accepted, node.entries())
                && vocabulary::UNTYPED.contains(only)
            {
                return vocabulary::find(only);
            }
            let found = node.kind();
            let message = match node.entries() {
                Some(_) => format!("a component needs `type`: {options}"),
                None => format!("expected a component ({options}), found {found}"),
            };
            self.fault(node, place, message);
            return None;
        };
        let name = kind.text().unwrap_or_default();
        if accepted.contains(&name) {
            return vocabulary::find(name);
        }
        let message = if name.starts_with("Custom") {
            format!("{name} needs Python code, which does not run here; accepted: {options}")
        } else if vocabulary::find(name).is_some() {
            format!("{name} cannot stand here; accepted: {options}")
        } else {
            let near = suggest(name, accepted).map(|near| format!(" (did you mean {near}?)"));
            format!("{name} is not supported{}; accepted: {options}", near.unwrap_or_default())
        };
        self.fault(kind, place, message);
        None
    }

    /// What the table cannot say.
    fn special(&mut self, node: &Node, kind: &Kind, place: &Place) {
        match kind.name {
            "SelectiveAuthenticator" => {
                let authenticators = KINDS.iter().find(|kind| kind.name == "HttpRequester");
                let accepted = authenticators
                    .and_then(|kind| kind.children.iter().find(|(f, _)| *f == "authenticator"))
                    .map_or(&[] as &[&str], |(_, accepted)| accepted);
                let place = place.field("authenticators");
                for (key, child) in
                    node.get("authenticators").and_then(Node::entries).unwrap_or_default()
                {
                    self.component(child, accepted, &place.field(&key.text));
                }
            }
            "DeclarativeSource" => {
                let empty =
                    |field| node.get(field).and_then(Node::items).is_none_or(<[_]>::is_empty);
                if empty("streams") && empty("dynamic_streams") {
                    self.fault(node, &place.field("streams"), "a source needs streams".into());
                }
                let place = place.field("stream_groups");
                for (key, group) in
                    node.get("stream_groups").and_then(Node::entries).unwrap_or_default()
                {
                    self.component(group, &["StreamGroup"], &place.field(&key.text));
                }
            }
            "DeclarativeStream" if node.get("name").and_then(Node::text).is_none() => {
                self.fault(node, place, "a stream needs `name`, a text".into());
            }
            "DeclarativeStream" if counts_over_partitions(node) => {
                let message = "IncrementingCountCursor cannot stand beside a `partition_router`";
                self.fault(node, place, message.into());
            }
            "HttpRequester" if node.get("url_base").or_else(|| node.get("url")).is_none() => {
                self.fault(node, place, "HttpRequester needs `url_base` or `url`".into());
            }
            "HttpRequester" => {
                let place = place.field("request_parameters");
                let parameters = node.get("request_parameters").and_then(Node::entries);
                for (key, value) in parameters.unwrap_or_default() {
                    if value.entries().is_some() {
                        self.component(value, &["QueryProperties"], &place.field(&key.text));
                    }
                }
            }
            "QueryProperties" => {
                let place = place.field("property_list");
                if let Some(list) = node.get("property_list").filter(|l| l.entries().is_some()) {
                    self.component(list, &["PropertiesFromEndpoint"], &place);
                }
            }
            "DatetimeBasedCursor" => {
                let set = |name| node.get(name).is_some_and(|node| !node.is_null());
                if set("step") != set("cursor_granularity") {
                    let message = "`step` and `cursor_granularity` go together".into();
                    self.fault(node, place, message);
                }
            }
            _ => {}
        }
    }

    fn fault(&mut self, node: &Node, place: &Place, message: String) {
        let (line, column) = (node.line, node.column);
        let fault =
            Fault { file: self.file.to_owned(), line, column, field: place.to_string(), message };
        // One faulty definition that many streams refer to is one fault.
        let seen = |f: &Fault| f.line == line && f.column == column && f.message == fault.message;
        if !self.faults.iter().any(seen) {
            self.faults.push(fault);
        }
    }
}

/// A count is kept for a whole stream only, as in the reference.
fn counts_over_partitions(stream: &Node) -> bool {
    let sync = stream.get("incremental_sync").and_then(|sync| sync.get("type"));
    let router = stream.get("retriever").and_then(|retriever| retriever.get("partition_router"));
    sync.and_then(Node::text) == Some("IncrementingCountCursor")
        && router.is_some_and(|router| !is_nothing(router))
}

fn is_nothing(node: &Node) -> bool {
    node.is_null() || node.items().is_some_and(<[_]>::is_empty)
}
