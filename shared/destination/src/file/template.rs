//! Templates of a file, and the names that they may read.

use model::config::{At, Decoder};
use model::document::{Document, Node, NodeValue, suggest};
use request::interpolation::{
    InterpolatedBoolean, InterpolatedMapping, InterpolatedString, Template,
};
use request::value::{Number, Selection, Value};

use crate::render::Segment;
use crate::shape::Shape;

/// Reads a file; what is wrong with it is noted with its place.
pub(super) struct Reader<'r, 'd> {
    pub(super) d: &'r mut Decoder<'d>,
    pub(super) document: &'d Document,
    /// The fields of the configuration, where the file says which there are.
    pub(super) config: Option<Vec<String>>,
    /// Those of them that are secret.
    pub(super) secrets: Vec<String>,
}

/// What templates at a place may read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) names: &'static [&'static str],
    /// Whether secrets may stand there: only where they are added when the request is sent.
    pub(super) secrets: bool,
}

/// Where credentials go.
pub(super) const SENDING: Offer = Offer { names: &["config"], secrets: true };
/// Where only the configuration is known.
pub(super) const CONFIG: Offer = Offer { names: &["config"], secrets: false };
/// Of one item.
pub(super) const ITEM: Offer =
    Offer { names: &["config", "record", "ref", "file", "line"], secrets: false };
/// Of a whole request.
pub(super) const BATCH: Offer = Offer { names: &["config", "items"], secrets: false };
/// Of a request with one item.
pub(super) const SINGLE: Offer =
    Offer { names: &["config", "items", "item", "record", "ref", "file", "line"], secrets: false };
/// Of a request that asks for a job.
pub(super) const JOB: Offer = Offer { names: &["config", "job"], secrets: false };
/// Of rules about whole answers.
pub(super) const ANSWER: Offer = Offer { names: &["config", "response"], secrets: false };
/// Of rules about results of items.
pub(super) const RESULT: Offer = Offer { names: &["config", "item"], secrets: false };

impl<'r, 'd> Reader<'r, 'd> {
    pub(super) fn new(d: &'r mut Decoder<'d>, document: &'d Document) -> Self {
        Self { d, document, config: None, secrets: Vec::new() }
    }

    /// A template at a place.
    pub(super) fn template(&mut self, at: &At<'_>, offer: Offer) -> Option<Template> {
        let text = self.d.text(at)?;
        self.compiled(at, &text, offer)
    }

    fn compiled(&mut self, at: &At<'_>, text: &str, offer: Offer) -> Option<Template> {
        let template = self.d.kept(at, Template::new(text, &Value::empty_dict()))?;
        self.reads(at, &template, offer);
        Some(template)
    }

    /// Notes names that do not exist at a place.
    pub(super) fn reads(&mut self, at: &At<'_>, template: &Template, offer: Offer) {
        for name in template.reads().variables().filter(|name| !offer.names.contains(name)) {
            let near = near(name, offer.names);
            let known = offer.names.join(", ");
            self.d.fault(at, format!("`{name}` does not exist here{near}; there are: {known}"));
        }
        if let Some(read) = template.reads().of("config") {
            self.fields(at, read, offer);
        }
    }

    /// Notes fields of the configuration that may not be read at a place.
    pub(super) fn fields(&mut self, at: &At<'_>, read: &Selection, offer: Offer) {
        let fields = match read {
            Selection::Fields(fields) => fields.keys().cloned().collect(),
            Selection::All if offer.secrets || self.secrets.is_empty() => Vec::new(),
            Selection::All => {
                let secrets = self.secrets.join("`, `");
                let message = format!(
                    "this reads the whole configuration with its secrets (`{secrets}`); name the \
                     fields that are meant"
                );
                self.d.fault(at, message);
                Vec::new()
            }
        };
        for field in fields {
            self.config_field(at, &field, offer);
        }
    }

    fn config_field(&mut self, at: &At<'_>, field: &str, offer: Offer) {
        if !offer.secrets && self.secrets.iter().any(|secret| secret == field) {
            let message = format!(
                "`config.{field}` is secret: it may stand in `requester.authenticator`, \
                 `requester.request_headers` and `requester.request_parameters` only, as all else \
                 is stored before it is sent"
            );
            self.d.fault(at, message);
        }
        let Some(known) = &self.config else { return };
        // Methods of a mapping, such as `config.get`, read no field of that name.
        if known.iter().any(|name| name == field) || field == "get" {
            return;
        }
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let near = near(field, &known);
        let message = format!("`spec` has no `{field}`{near}; there are: {}", known.join(", "));
        self.d.fault(at, message);
    }

    /// A text with templates.
    pub(super) fn string(&mut self, at: &At<'_>, offer: Offer) -> Option<InterpolatedString> {
        let text = self.d.text(at)?;
        self.compiled(at, &text, offer)?;
        self.d.kept(at, InterpolatedString::new(&text, &Value::empty_dict()))
    }

    /// A condition.
    pub(super) fn condition(&mut self, at: &At<'_>, offer: Offer) -> Option<InterpolatedBoolean> {
        let text = self.d.text(at)?;
        self.compiled(at, &text, offer)?;
        self.d.kept(at, InterpolatedBoolean::new(&text, &Value::empty_dict()))
    }

    /// A mapping of names to texts with templates.
    pub(super) fn mapping(&mut self, at: &At<'_>, offer: Offer) -> InterpolatedMapping {
        let Some(entries) = at.node.entries() else {
            self.d.fault(at, format!("{} stands here; accepted is a mapping", at.node.kind()));
            return InterpolatedMapping::default();
        };
        let mut fields = serde_json::Map::new();
        for (key, node) in entries {
            let entry = At { node, path: at.below(&key.text) };
            if self.template(&entry, offer).is_some() {
                fields.insert(key.text.clone(), node.to_json());
            }
        }
        let mapping = InterpolatedMapping::new(&fields, &Value::empty_dict());
        self.d.kept(at, mapping).unwrap_or_default()
    }

    /// JSON with templates.
    pub(super) fn shape(&mut self, at: &At<'_>, offer: Offer) -> Option<Shape> {
        Some(match &at.node.value {
            NodeValue::Null => Shape::Value(Value::None),
            NodeValue::Bool(truth) => Shape::Value(Value::Bool(*truth)),
            NodeValue::Number(token) => {
                Shape::Value(Number::from_token(token).map_or(Value::None, Value::Number))
            }
            NodeValue::String(text) => Shape::Template(self.compiled(at, text, offer)?),
            NodeValue::Sequence(items) => {
                let below = |n| format!("{}[{n}]", at.path);
                let items = items.iter().enumerate().map(|(n, node)| At { node, path: below(n) });
                let shapes: Vec<_> = items.map(|item| self.shape(&item, offer)).collect();
                Shape::List(shapes.into_iter().collect::<Option<_>>()?)
            }
            NodeValue::Mapping(entries) => {
                let mut fields = Vec::new();
                for (key, node) in entries {
                    let entry = At { node, path: at.below(&key.text) };
                    fields.push((key.text.as_str().into(), self.shape(&entry, offer)?));
                }
                Shape::Fields(fields)
            }
        })
    }

    /// A path of a URL: what stands between two slashes is a text or a template.
    pub(super) fn path(&mut self, at: &At<'_>, offer: Offer) -> Vec<Segment> {
        let Some(text) = self.d.text(at) else { return Vec::new() };
        let mut segments = Vec::new();
        for part in parts(text.trim_start_matches('/')) {
            let Some(template) = self.compiled(at, &part, offer) else { continue };
            if part.split("{{").any(|text| text.rsplit("}}").next().unwrap_or(text).contains('?')) {
                self.d.fault(at, "a query goes into `request_parameters`");
            }
            segments.push(if template.is_constant() {
                Segment::Plain(part)
            } else {
                Segment::Template(template)
            });
        }
        segments
    }
}

/// A text cut at the slashes outside of templates.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_u32;
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match parts.last_mut() {
            Some(last) if c != '/' || depth > 0 => last.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts
}

/// `did you mean`, where a known name is near enough.
pub(super) fn near(name: &str, known: &[&str]) -> String {
    match suggest(name, known) {
        Some(near) => format!(", did you mean `{near}`?"),
        None => String::new(),
    }
}

/// The entry that a path of a component leads to: `requester.authenticator.token[0].name`.
pub(super) fn find<'n>(root: &'n Node, path: &str) -> &'n Node {
    let mut node = root;
    for step in path.split(['.', '[']) {
        let found = match step.strip_suffix(']').map(str::parse::<usize>) {
            Some(Ok(place)) => node.items().and_then(|items| items.get(place)),
            _ => node.get(step),
        };
        match found {
            Some(inner) => node = inner,
            None => break,
        }
    }
    node
}
