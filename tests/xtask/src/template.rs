//! `template.yaml` and its fragments under `infra/`, as data, with their references resolved.

mod resolve;
mod yaml;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::Fault;
use resolve::Scope;
pub use resolve::{ACCOUNT, REGION};

/// The root template.
const TEMPLATE: &str = "template.yaml";

/// One resource of the stack or of one of its fragments.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Fragment it stands in (`infra/queues.yaml`), or the root template.
    pub file: String,
    /// Its name there.
    pub logical: String,
    /// `CloudFormation` type.
    pub kind: String,
    /// Name that it has in an emulated cloud.
    pub name: String,
    /// Properties, references resolved.
    pub properties: Value,
    /// All of the resource as written.
    pub raw: Value,
}

/// The whole stack.
#[derive(Debug, Clone)]
pub struct Stack {
    /// All resources, fragments' included, in order of the files and then as written.
    pub resources: Vec<Resource>,
    /// The root template as written.
    pub root: Value,
    /// Fragments as written, by file.
    pub fragments: BTreeMap<String, Value>,
    /// Environment of every function, by the function's name: what `Globals` give and its own.
    pub environments: BTreeMap<String, BTreeMap<String, String>>,
}

impl Stack {
    /// Reads `template.yaml` in `root` and every fragment that it, or a fragment, names.
    pub fn load(root: &Path) -> Result<Self, Fault> {
        let text = yaml::read(root, TEMPLATE)?;
        let mut stack = Self {
            resources: Vec::new(),
            root: text.clone(),
            fragments: BTreeMap::new(),
            environments: BTreeMap::new(),
        };
        let mut scope = Scope::new(TEMPLATE, &text);
        stack.read(root, &text, &mut scope)?;
        stack.environments = environments(&scope, &text);
        Ok(stack)
    }

    /// All resources of a type.
    pub fn of_kind<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = &'s Resource> {
        self.resources.iter().filter(move |resource| resource.kind == kind)
    }

    /// Reads one template: its fragments first, whose outputs it may name, then its resources.
    fn read(&mut self, root: &Path, text: &Value, scope: &mut Scope) -> Result<(), Fault> {
        for (logical, resource) in entries(at(text, "/Resources")) {
            if at(resource, "/Type") == "AWS::Serverless::Application" {
                let outputs = self.fragment(root, logical, resource, scope)?;
                scope.nest(logical, outputs);
            }
        }
        for (logical, resource) in entries(at(text, "/Resources")) {
            self.resources.push(Resource {
                file: scope.file().to_owned(),
                logical: logical.to_owned(),
                kind: at(resource, "/Type").as_str().unwrap_or_default().to_owned(),
                name: scope.name(logical),
                properties: scope.resolve(at(resource, "/Properties")),
                raw: resource.clone(),
            });
        }
        Ok(())
    }

    /// Reads a fragment; gives its outputs.
    fn fragment(
        &mut self,
        root: &Path,
        logical: &str,
        nested: &Value,
        parent: &Scope,
    ) -> Result<BTreeMap<String, String>, Fault> {
        let file = parent.beside(at(nested, "/Properties/Location").as_str().unwrap_or_default());
        let text = yaml::read(root, &file)?;
        let mut scope = Scope::new(&file, &text).within(parent, logical);
        for (name, value) in entries(at(nested, "/Properties/Parameters")) {
            scope.give(name, parent.text(value));
        }
        self.read(root, &text, &mut scope)?;
        let outputs = entries(at(&text, "/Outputs"))
            .map(|(name, output)| (name.to_owned(), scope.text(at(output, "/Value"))))
            .collect();
        self.fragments.insert(file, text);
        Ok(outputs)
    }
}

/// The value at a path (`/Properties/Timeout`); null when there is none.
pub fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    value.pointer(path).unwrap_or(&Value::Null)
}

/// The entries of a mapping; none for anything else.
pub fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn environments(scope: &Scope, text: &Value) -> BTreeMap<String, BTreeMap<String, String>> {
    let shared = at(text, "/Globals/Function/Environment/Variables");
    let mut all = BTreeMap::new();
    for (_, resource) in entries(at(text, "/Resources")) {
        if at(resource, "/Type") != "AWS::Serverless::Function" {
            continue;
        }
        let own = at(resource, "/Properties/Environment/Variables");
        let variables = entries(shared).chain(entries(own));
        let variables = variables.map(|(name, value)| (name.to_owned(), scope.text(value)));
        let path = at(resource, "/Properties/CodeUri").as_str().unwrap_or_default();
        let function = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        all.insert(function.to_owned(), variables.collect());
    }
    all
}
