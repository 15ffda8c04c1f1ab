//! From parser events to located nodes.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::{Fault, Node, NodeKey, NodeValue, scalar};

/// Deepest nesting accepted.
const MAX_DEPTH: usize = 100;

/// Most nodes of a document, those that aliases repeat included.
const MAX_NODES: usize = 500_000;

/// Reads the one document of a text.
pub(super) fn read(file: &str, text: &str) -> Result<(Node, Vec<NodeKey>), Fault> {
    let mut reader = Reader { file, ..Reader::default() };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser::new_from_str(text);
    let mut documents = 0;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let marker = error.marker();
            reader.fault(place(marker.line(), marker.col()), error.info().to_owned())
        })?;
        let at = place(span.start.line(), span.start.col());
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents > 1 {
                return Err(reader.fault(at, "a second document starts here; one is accepted"));
            }
        }
        reader.take(event, span)?;
    }
    let empty = Node { value: NodeValue::Null, line: 1, column: 1, date: false };
    Ok((reader.root.unwrap_or(empty), reader.repeated))
}

/// Line and column, from 1.
type Place = (u32, u32);

fn place(line: usize, column: usize) -> Place {
    let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (narrow(line.max(1)), narrow(column + 1))
}

/// A collection that is still open.
struct Frame {
    at: Place,
    anchor: usize,
    content: Content,
    /// Nodes inside, this one included.
    size: usize,
    /// Levels inside, this one included.
    height: usize,
}

enum Content {
    Items(Vec<Node>),
    Entries { entries: Vec<(Key, Node)>, key: Option<Key> },
}

struct Key {
    name: NodeKey,
    merge: bool,
}

/// A node that aliases may repeat.
struct Anchored {
    node: Node,
    size: usize,
    height: usize,
}

#[derive(Default)]
struct Reader<'a> {
    file: &'a str,
    open: Vec<Frame>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    root: Option<Node>,
    repeated: Vec<NodeKey>,
}

impl Reader<'_> {
    fn fault(&self, at: Place, message: impl Into<String>) -> Fault {
        fault(self.file, at, message)
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let at = place(span.start.line(), span.start.col());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let value = self.scalar(at, &text, style, tag.as_deref())?;
                let date = plain && matches!(value, NodeValue::String(_)) && scalar::is_date(&text);
                let node = Node { value, line: at.0, column: at.1, date };
                let merge = plain && text == "<<";
                self.add(Anchored { node, size: 1, height: 1 }, anchor, merge)
            }
            Event::SequenceStart(anchor, tag) => {
                self.known(at, tag.as_deref(), "seq")?;
                self.start(at, anchor, Content::Items(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.known(at, tag.as_deref(), "map")?;
                self.start(at, anchor, Content::Entries { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                let Some(found) = self.anchors.get(&anchor) else {
                    return Err(self.fault(at, "an alias inside of what it stands for"));
                };
                let (size, height) = (found.size, found.height);
                self.room(at, size, height)?;
                let Some(found) = self.anchors.get(&anchor) else { return Ok(()) };
                self.add(Anchored { node: found.node.clone(), size, height }, 0, false)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    /// What a scalar stands for: by its tag, else by its style, else by its looks.
    fn scalar(
        &self,
        at: Place,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
    ) -> Result<NodeValue, Fault> {
        let Some(tag) = tag else {
            return Ok(match style {
                ScalarStyle::Plain => scalar::resolve(text),
                _ => NodeValue::String(text.to_owned()),
            });
        };
        let wrong = || self.fault(at, format!("`{text}` is not a {tag}"));
        match (tag.is_yaml_core_schema(), tag.suffix.as_str()) {
            (true, "null") => Ok(NodeValue::Null),
            (true, "int") => scalar::integer(text).map(NodeValue::Number).ok_or_else(wrong),
            (true, "float") => scalar::float(text)
                .or_else(|| scalar::integer(text))
                .map(NodeValue::Number)
                .ok_or_else(wrong),
            (true, "bool") => match scalar::resolve(text) {
                truth @ NodeValue::Bool(_) => Ok(truth),
                _ => Err(wrong()),
            },
            (true, "str") | (false, "") => Ok(NodeValue::String(text.to_owned())),
            _ => Err(self.unknown(at, tag)),
        }
    }

    fn known(&self, at: Place, tag: Option<&Tag>, accepted: &str) -> Result<(), Fault> {
        match tag {
            Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == accepted) => {
                Err(self.unknown(at, tag))
            }
            _ => Ok(()),
        }
    }

    fn unknown(&self, at: Place, tag: &Tag) -> Fault {
        self.fault(at, format!("tag `{tag}` is not accepted here"))
    }

    /// Makes sure that so many more nodes, nested so deep, stay within the bounds.
    fn room(&mut self, at: Place, size: usize, height: usize) -> Result<(), Fault> {
        self.nodes += size;
        if self.nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} values, aliases expanded");
            return Err(self.fault(at, message));
        }
        if self.open.len() + height > MAX_DEPTH {
            return Err(self.fault(at, format!("nested more than {MAX_DEPTH} levels deep")));
        }
        Ok(())
    }

    fn start(&mut self, at: Place, anchor: usize, content: Content) -> Result<(), Fault> {
        self.room(at, 1, 1)?;
        if let Some(Frame { content: Content::Entries { key: None, .. }, .. }) = self.open.last() {
            return Err(self.fault(at, "a name must be a text, not a list or a mapping"));
        }
        self.open.push(Frame { at, anchor, content, size: 1, height: 1 });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        let Some(frame) = self.open.pop() else { return Ok(()) };
        let value = match frame.content {
            Content::Items(items) => NodeValue::Sequence(items),
            Content::Entries { entries, .. } => NodeValue::Mapping(self.merged(entries)?),
        };
        let node = Node { value, line: frame.at.0, column: frame.at.1, date: false };
        self.add(Anchored { node, size: frame.size, height: frame.height }, frame.anchor, false)
    }

    /// Puts a finished node where it belongs: key, value, item or root.
    fn add(&mut self, done: Anchored, anchor: usize, merge: bool) -> Result<(), Fault> {
        if anchor > 0 {
            let Anchored { node, size, height } = &done;
            let kept = Anchored { node: node.clone(), size: *size, height: *height };
            self.anchors.insert(anchor, kept);
        }
        let Some(frame) = self.open.last_mut() else {
            self.root = Some(done.node);
            return Ok(());
        };
        frame.size += done.size;
        frame.height = frame.height.max(done.height + 1);
        match &mut frame.content {
            Content::Items(items) => items.push(done.node),
            Content::Entries { entries, key } => match key.take() {
                Some(name) => entries.push((name, done.node)),
                None => *key = Some(name(self.file, done.node, merge)?),
            },
        }
        Ok(())
    }

    /// Expands merge keys: what they bring comes first and gives way to the mapping's own entries;
    /// of several merged mappings the first one counts.
    fn merged(&mut self, entries: Vec<(Key, Node)>) -> Result<Vec<(NodeKey, Node)>, Fault> {
        let mut all = Vec::new();
        let mut own = Vec::new();
        let mut names = HashSet::new();
        for (key, node) in entries {
            if !key.merge {
                if !names.insert(key.name.text.clone()) {
                    self.repeated.push(key.name.clone());
                }
                own.push((key.name, node));
                continue;
            }
            let at = (node.line, node.column);
            match node.value {
                NodeValue::Mapping(entries) => all.extend(entries),
                NodeValue::Sequence(items) => {
                    for item in items.into_iter().rev() {
                        let at = (item.line, item.column);
                        let NodeValue::Mapping(entries) = item.value else {
                            return Err(
                                self.fault(at, "`<<` takes a mapping or a list of mappings")
                            );
                        };
                        all.extend(entries);
                    }
                }
                _ => return Err(self.fault(at, "`<<` takes a mapping or a list of mappings")),
            }
        }
        all.append(&mut own);
        Ok(last_wins(all))
    }
}

/// A node as the name of an entry.
fn name(file: &str, node: Node, merge: bool) -> Result<Key, Fault> {
    let (line, column) = (node.line, node.column);
    let text = match node.value {
        NodeValue::String(text) | NodeValue::Number(text) => text,
        NodeValue::Bool(truth) => truth.to_string(),
        NodeValue::Null => "null".to_owned(),
        NodeValue::Sequence(_) | NodeValue::Mapping(_) => {
            return Err(fault(
                file,
                (line, column),
                "a name must be a text, not a list or a mapping",
            ));
        }
    };
    Ok(Key { name: NodeKey { text, line, column }, merge })
}

fn fault(file: &str, (line, column): Place, message: impl Into<String>) -> Fault {
    let (file, message) = (file.to_owned(), message.into());
    Fault { file, line, column, field: String::new(), message }
}

/// Of entries with one name, keeps the last value at the first place, as a Python `dict` does.
fn last_wins(entries: Vec<(NodeKey, Node)>) -> Vec<(NodeKey, Node)> {
    let mut places: HashMap<String, usize> = HashMap::with_capacity(entries.len());
    let mut kept: Vec<(NodeKey, Node)> = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Some(earlier) = places.get(&entry.0.text).and_then(|place| kept.get_mut(*place)) {
            *earlier = entry;
        } else {
            places.insert(entry.0.text.clone(), kept.len());
            kept.push(entry);
        }
    }
    kept
}
