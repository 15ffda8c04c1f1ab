//! Components of a manifest, resolved, and faults that say where.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value as Json};

use crate::interpolation::{
    InterpolatedBoolean, InterpolatedMapping, InterpolatedNestedMapping, InterpolatedString,
    SyntaxError, Template,
};
use crate::value::Value;

/// A fault of a component: which field, near which line, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentFault {
    /// Path of the field: `streams[0].retriever.paginator`.
    pub path: String,
    /// Line of the component in its file.
    pub line: u32,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for ComponentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}: {}", self.line, self.path, self.message)
    }
}

/// Where faults are collected while components are read.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    faults: Arc<Mutex<Vec<ComponentFault>>>,
    warnings: Arc<Mutex<Vec<ComponentFault>>>,
}

impl Faults {
    /// Adds one.
    pub fn add(&self, path: &str, line: u32, message: impl Into<String>) {
        let fault = ComponentFault { path: path.to_owned(), line, message: message.into() };
        push(&self.faults, fault);
    }

    /// Adds a remark that stops nothing.
    pub fn warn(&self, path: &str, line: u32, message: impl Into<String>) {
        let warning = ComponentFault { path: path.to_owned(), line, message: message.into() };
        push(&self.warnings, warning);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// All of them, in the order found.
    pub fn take(&self) -> Vec<ComponentFault> {
        std::mem::take(&mut *self.faults.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All remarks, in the order found.
    pub fn take_warnings(&self) -> Vec<ComponentFault> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn push(list: &Mutex<Vec<ComponentFault>>, fault: ComponentFault) {
    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
    if !list.contains(&fault) {
        list.push(fault);
    }
}

/// One component: its JSON with references and `$parameters` resolved, and where it stands.
///
/// Reading a field never fails: a wrong one is reported to the shared [`Faults`] and read as
/// absent, so that all faults of a manifest are found at once. Whoever builds from components
/// checks [`Faults::is_empty`] at the end.
#[derive(Debug, Clone)]
pub struct Component {
    json: Arc<Json>,
    path: String,
    line: u32,
    parameters: Value,
    faults: Faults,
}

impl Component {
    /// A component. `$parameters` inside the JSON are what its templates see as `parameters`.
    pub fn new(json: Json, path: impl Into<String>, line: u32, faults: &Faults) -> Self {
        let parameters = json.get("$parameters").map_or_else(Value::empty_dict, Value::from);
        let (json, path, faults) = (Arc::new(json), path.into(), faults.clone());
        Self { json, path, line, parameters, faults }
    }

    /// The JSON.
    pub fn json(&self) -> &Json {
        &self.json
    }

    /// Where it stands in the manifest.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its line in the file.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// What its templates see as `parameters`.
    pub fn parameters(&self) -> &Value {
        &self.parameters
    }

    /// Where its faults go.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The component with a field set, unless it sets the field itself.
    #[must_use]
    pub fn with_default(mut self, field: &str, value: Option<&Json>) -> Self {
        if let (None, Some(value), Json::Object(fields)) = (self.field(field), value, &*self.json) {
            let mut fields = fields.clone();
            fields.insert(field.to_owned(), value.clone());
            self.json = Arc::new(Json::Object(fields));
        }
        self
    }

    /// Its `type`, empty when there is none.
    pub fn kind(&self) -> &str {
        self.json.get("type").and_then(Json::as_str).unwrap_or_default()
    }

    /// Reports a fault of the component itself.
    pub fn fault(&self, message: impl Into<String>) {
        self.faults.add(&self.path, self.line, message);
    }

    /// Reports a fault of one field.
    pub fn fault_at(&self, field: &str, message: impl Into<String>) {
        self.faults.add(&self.below(field), self.line, message);
    }

    fn below(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    /// Reports that the component's type is none of those known, naming the nearest.
    pub fn unknown_kind(&self, accepted: &[&str]) {
        let kind = self.kind();
        let found = if kind.is_empty() { "no type".to_owned() } else { format!("`{kind}`") };
        self.fault_at("type", format!("{found} is not supported here; {}", one_of(accepted)));
    }

    /// Remarks on fields that are not among the known ones. The reference ignores them, and
    /// `$parameters` put their names into every component, so they stop nothing.
    pub fn only(&self, known: &[&str]) {
        let known: BTreeSet<&str> = known.iter().copied().collect();
        let fields = self.json.as_object().into_iter().flat_map(Map::keys);
        let standard = |name: &str| {
            matches!(name, "type" | "$parameters" | "name")
                || name.starts_with('$')
                || self.parameters.get(name).is_some()
        };
        for name in fields.filter(|name| !known.contains(name.as_str()) && !standard(name)) {
            let accepted: Vec<&str> = known.iter().copied().collect();
            let message = format!("unknown field; {}", one_of(&accepted));
            self.faults.warn(&self.below(name), self.line, message);
        }
    }

    /// A field that is there and not null.
    pub fn field(&self, name: &str) -> Option<&Json> {
        self.json.get(name).filter(|value| !value.is_null())
    }

    fn wrong<T>(&self, name: &str, wanted: &str) -> Option<T> {
        self.fault_at(name, format!("must be {wanted}"));
        None
    }

    /// Reports a field that is missing.
    pub fn required<T>(&self, name: &str, value: Option<T>) -> Option<T> {
        if self.field(name).is_none() {
            self.fault_at(name, "is required");
        }
        value
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.field(name)? {
            Json::String(text) => Some(text),
            _ => self.wrong(name, "a text"),
        }
    }

    /// A boolean.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.field(name)? {
            Json::Bool(flag) => Some(*flag),
            _ => self.wrong(name, "true or false"),
        }
    }

    /// A whole number.
    pub fn integer(&self, name: &str) -> Option<i64> {
        let field = self.field(name)?;
        field.as_i64().or_else(|| self.wrong(name, "a whole number"))
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<f64> {
        let field = self.field(name)?;
        field.as_f64().or_else(|| self.wrong(name, "a number"))
    }

    /// A component inside.
    pub fn child(&self, name: &str) -> Option<Self> {
        match self.field(name)? {
            json @ Json::Object(_) => Some(self.nested(json, self.below(name))),
            _ => self.wrong(name, "a component"),
        }
    }

    /// Components inside; one alone counts as a list of one.
    pub fn children(&self, name: &str) -> Vec<Self> {
        match self.field(name) {
            None => Vec::new(),
            Some(json @ Json::Object(_)) => vec![self.nested(json, self.below(name))],
            Some(Json::Array(items)) if items.iter().all(Json::is_object) => items
                .iter()
                .enumerate()
                .map(|(at, item)| self.nested(item, format!("{}[{at}]", self.below(name))))
                .collect(),
            Some(_) => self.wrong(name, "a list of components").unwrap_or_default(),
        }
    }

    fn nested(&self, json: &Json, path: String) -> Self {
        let line = json.get("$line").and_then(Json::as_u64).and_then(|line| line.try_into().ok());
        let mut child = Self::new(json.clone(), path, line.unwrap_or(self.line), &self.faults);
        if json.get("$parameters").is_none() {
            child.parameters = self.parameters.clone();
        }
        child
    }

    fn compiled<T>(&self, name: &str, result: Result<T, SyntaxError>) -> Option<T> {
        result.map_err(|fault| self.fault_at(name, fault.to_string())).ok()
    }

    /// A scalar as the text of a template; numbers and booleans as Python prints them.
    fn scalar(&self, name: &str) -> Option<String> {
        match self.field(name)? {
            Json::String(text) => Some(text.clone()),
            Json::Array(_) | Json::Object(_) => self.wrong(name, "a text"),
            other => Some(Value::from(other).to_string()),
        }
    }

    /// A text with templates.
    pub fn string(&self, name: &str) -> Option<InterpolatedString> {
        let source = self.scalar(name)?;
        self.compiled(name, InterpolatedString::new(&source, &self.parameters))
    }

    /// A template, evaluated to whatever it says.
    pub fn template(&self, name: &str) -> Option<Template> {
        let source = self.scalar(name)?;
        self.compiled(name, Template::new(&source, &self.parameters))
    }

    /// A condition.
    pub fn condition(&self, name: &str) -> Option<InterpolatedBoolean> {
        if let Json::Bool(known) = self.field(name)? {
            return Some(InterpolatedBoolean::known(*known));
        }
        let source = self.scalar(name)?;
        self.compiled(name, InterpolatedBoolean::new(&source, &self.parameters))
    }

    /// A mapping of templates.
    pub fn mapping(&self, name: &str) -> Option<InterpolatedMapping> {
        match self.field(name)? {
            Json::Object(fields) => {
                self.compiled(name, InterpolatedMapping::new(fields, &self.parameters))
            }
            _ => self.wrong(name, "a mapping"),
        }
    }

    /// A JSON value with templates.
    pub fn nested_mapping(&self, name: &str) -> Option<InterpolatedNestedMapping> {
        let json = self.field(name)?;
        self.compiled(name, InterpolatedNestedMapping::new(json, &self.parameters))
    }

    /// A list of texts with templates; one text counts as a list of one.
    pub fn strings(&self, name: &str) -> Vec<InterpolatedString> {
        let compile =
            |source: &str| self.compiled(name, InterpolatedString::new(source, &self.parameters));
        match self.field(name) {
            None => Vec::new(),
            Some(Json::String(text)) => compile(text).into_iter().collect(),
            Some(Json::Array(items)) => items
                .iter()
                .filter_map(|item| match item {
                    Json::String(text) => compile(text),
                    Json::Array(_) | Json::Object(_) => self.wrong(name, "a list of texts"),
                    other => compile(&Value::from(other).to_string()),
                })
                .collect(),
            Some(_) => self.wrong(name, "a list of texts").unwrap_or_default(),
        }
    }
}

/// The accepted names, as a sentence ends with them.
fn one_of(accepted: &[&str]) -> String {
    let names: Vec<String> = accepted.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => "nothing is accepted".to_owned(),
        [only] => format!("accepted is {only}"),
        many => format!("accepted are {}", many.join(", ")),
    }
}
