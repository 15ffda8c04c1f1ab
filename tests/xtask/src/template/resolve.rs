//! References within a template, as an emulated cloud would resolve them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{at, entries};

/// Account that emulators pretend to be.
pub const ACCOUNT: &str = "000000000000";

/// Region of the emulated cloud.
pub const REGION: &str = "eu-west-1";

/// Name of the emulated stack.
pub(crate) const STACK: &str = "headwater";

/// What the names of one template mean.
pub(super) struct Scope {
    file: String,
    /// Start of its resources' names.
    stem: String,
    parameters: BTreeMap<String, String>,
    kinds: BTreeMap<String, String>,
    nested: BTreeMap<String, BTreeMap<String, String>>,
}

impl Scope {
    /// The names of a template, with the defaults of its parameters.
    pub(super) fn new(file: &str, text: &Value) -> Self {
        let parameters = entries(at(text, "/Parameters"))
            .map(|(name, parameter)| (name.to_owned(), plain(at(parameter, "/Default"))))
            .collect();
        let kinds = entries(at(text, "/Resources"))
            .map(|(name, resource)| (name.to_owned(), plain(at(resource, "/Type"))))
            .collect();
        let (file, stem) = (file.to_owned(), STACK.to_owned());
        Self { file, stem, parameters, kinds, nested: BTreeMap::new() }
    }

    /// The same as a fragment, named `logical`, of another template.
    pub(super) fn within(mut self, parent: &Self, logical: &str) -> Self {
        self.stem = parent.name(logical);
        self
    }

    /// Gives a value for a parameter.
    pub(super) fn give(&mut self, parameter: &str, value: String) {
        self.parameters.insert(parameter.to_owned(), value);
    }

    /// File of the template.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// A file named by this template, from the project's root.
    pub(super) fn beside(&self, file: &str) -> String {
        match self.file.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{file}"),
            None => file.to_owned(),
        }
    }

    /// Adds what a nested fragment gives.
    pub(super) fn nest(&mut self, logical: &str, outputs: BTreeMap<String, String>) {
        self.nested.insert(logical.to_owned(), outputs);
    }

    /// The name of a resource: where it stands and its logical name, in lower case, as all
    /// services take it.
    pub(super) fn name(&self, logical: &str) -> String {
        format!("{}-{logical}", self.stem).to_ascii_lowercase()
    }

    /// A value with every reference resolved.
    pub(super) fn resolve(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.resolve(item)).collect(),
            Value::Object(object) => {
                if let Some(text) = self.function(object) {
                    return Value::String(text);
                }
                let pair = |(name, value): (&String, &Value)| (name.clone(), self.resolve(value));
                Value::Object(object.iter().map(pair).collect())
            }
            other => other.clone(),
        }
    }

    /// A value as text.
    pub(super) fn text(&self, value: &Value) -> String {
        plain(&self.resolve(value))
    }

    fn function(&self, object: &Map<String, Value>) -> Option<String> {
        let mut only = object.iter();
        let (name, inner) = only.next().filter(|_| object.len() == 1)?;
        match (name.as_str(), inner) {
            ("Ref", Value::String(name)) => Some(self.reference(name)),
            ("Fn::GetAtt", Value::Array(path)) => match path.as_slice() {
                [resource, attribute] => Some(self.attribute(&plain(resource), &plain(attribute))),
                _ => None,
            },
            ("Fn::Sub", Value::String(text)) => Some(self.substitute(text)),
            ("Fn::Join", Value::Array(items)) => match items.as_slice() {
                [between, Value::Array(items)] => {
                    let items: Vec<String> = items.iter().map(|item| self.text(item)).collect();
                    Some(items.join(&plain(between)))
                }
                [between, split] => Some(self.split(split)?.join(&plain(between))),
                _ => None,
            },
            _ => None,
        }
    }

    /// The parts of `Fn::Split`.
    fn split(&self, value: &Value) -> Option<Vec<String>> {
        let [at, text] = value.get("Fn::Split")?.as_array()?.as_slice() else { return None };
        Some(self.text(text).split(&plain(at)).map(str::to_owned).collect())
    }

    fn reference(&self, name: &str) -> String {
        match name {
            "AWS::Region" => REGION.to_owned(),
            "AWS::AccountId" => ACCOUNT.to_owned(),
            "AWS::StackName" => STACK.to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            _ => match (self.parameters.get(name), self.kinds.get(name)) {
                (Some(value), _) => value.clone(),
                // A queue's reference is its URL, which only the emulator knows: it is named.
                _ => self.name(name),
            },
        }
    }

    fn attribute(&self, resource: &str, attribute: &str) -> String {
        if let Some(output) = attribute.strip_prefix("Outputs.") {
            let outputs = self.nested.get(resource);
            return outputs.and_then(|all| all.get(output)).cloned().unwrap_or_default();
        }
        let name = self.name(resource);
        match (self.kinds.get(resource).map_or("", String::as_str), attribute) {
            ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{name}"),
            ("AWS::SQS::Queue", "Arn") => format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"),
            ("AWS::DynamoDB::Table", "Arn") => {
                format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")
            }
            ("AWS::IAM::Role", "Arn") => format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
            ("AWS::Serverless::Function", "Arn") => {
                format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
            }
            (_, "Arn") => format!("arn:aws:x:{REGION}:{ACCOUNT}:{name}"),
            _ => name,
        }
    }

    fn substitute(&self, text: &str) -> String {
        let mut parts = text.split("${");
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let Some((name, rest)) = part.split_once('}') else { continue };
            whole.push_str(&match (name.starts_with("AWS::"), name.split_once('.')) {
                (false, Some((resource, attribute))) => self.attribute(resource, attribute),
                _ => self.reference(name),
            });
            whole.push_str(rest);
        }
        whole
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
