//! `XmlDecoder`: a document as a mapping, as `xmltodict` makes it.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::DecodeError;
use crate::value::{Dict, Value};

/// Deepest nesting accepted.
const MAX_DEPTH: usize = 128;

/// An element being read.
struct Element {
    name: String,
    /// Its attributes and children; none as long as there are none.
    item: Option<Dict>,
    text: String,
}

/// Reads a document: attributes under `@name`, texts beside attributes or children under `#text`,
/// elements of one name as a list.
pub(super) fn read(text: &str) -> Result<Value, DecodeError> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut reader = Reader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    let mut tree = Tree::default();
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let fault = DecodeError::Not { wanted: "XML", at, length: text.len() };
        let Ok(event) = reader.read_event() else { return Err(fault) };
        let taken = match event {
            Event::Eof => return tree.root.filter(|_| tree.open.is_empty()).ok_or(fault),
            Event::Start(start) => tree.start(&start),
            Event::End(_) => tree.end(),
            Event::Text(text) => text.decode().ok().and_then(|text| tree.text(&text)),
            Event::CData(text) => text.decode().ok().and_then(|text| tree.text(&text)),
            Event::GeneralRef(entity) => resolve(&entity).and_then(|text| tree.text(&text)),
            Event::Empty(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => Some(()),
        };
        taken.ok_or(fault)?;
    }
}

#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Value>,
}

impl Tree {
    fn start(&mut self, start: &BytesStart<'_>) -> Option<()> {
        if self.root.is_some() || self.open.len() >= MAX_DEPTH {
            return None;
        }
        let mut attributes = Dict::default();
        for attribute in start.attributes() {
            let attribute = attribute.ok()?;
            let name = format!("@{}", std::str::from_utf8(attribute.key.as_ref()).ok()?);
            let value = std::str::from_utf8(&attribute.value).ok()?.replace(['\n', '\t'], " ");
            let value = quick_xml::escape::unescape(&value).ok()?;
            attributes.insert(name.as_str(), Value::from(&*value));
        }
        let name = std::str::from_utf8(start.name().as_ref()).ok()?.to_owned();
        let item = Some(attributes).filter(|attributes| !attributes.is_empty());
        self.open.push(Element { name, item, text: String::new() });
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        let Element { name, item, text } = self.open.pop()?;
        let text = Some(text.trim()).filter(|text| !text.is_empty()).map(Value::from);
        let value = match (item, text) {
            (None, text) => text.unwrap_or_default(),
            (Some(item), None) => Value::from(item),
            (Some(mut item), Some(text)) => {
                push(&mut item, "#text", text);
                Value::from(item)
            }
        };
        match self.open.last_mut() {
            Some(parent) => push(parent.item.get_or_insert_default(), &name, value),
            None => self.root = Some(Dict::from_iter([(name.as_str(), value)]).into()),
        }
        Some(())
    }

    /// Only white space may stand outside of the root.
    fn text(&mut self, text: &str) -> Option<()> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None => return text.trim().is_empty().then_some(()),
        }
        Some(())
    }
}

/// Adds a child; those of one name become a list.
fn push(item: &mut Dict, name: &str, value: Value) {
    match item.get_mut(name) {
        None => {
            item.insert(name, value);
        }
        Some(Value::List(items)) => std::sync::Arc::make_mut(items).push(value),
        Some(one) => *one = Value::from(vec![std::mem::take(one), value]),
    }
}

/// The text of a reference: a character, or one of the five entities that XML itself has.
fn resolve(entity: &BytesRef<'_>) -> Option<String> {
    if let Some(c) = entity.resolve_char_ref().ok()? {
        return Some(c.to_string());
    }
    quick_xml::escape::resolve_xml_entity(&entity.decode().ok()?).map(str::to_owned)
}
