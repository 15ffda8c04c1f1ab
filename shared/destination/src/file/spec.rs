//! What a use of the destination must say.

use model::config::At;
use serde_json::Value as Json;

use super::template::Reader;

impl Reader<'_, '_> {
    /// The `spec`: which fields the configuration has, and which of them are secret.
    pub(super) fn spec(&mut self, at: Option<&At<'_>>) -> Json {
        let Some(at) = at else { return Json::Null };
        if !self.d.names(at, &["connection_specification", "documentation_url"]) {
            return Json::Null;
        }
        let Some(schema) = self.d.required(at, "connection_specification") else {
            return Json::Null;
        };
        let properties = schema.field("properties");
        let entries = properties.as_ref().and_then(|all| all.node.entries()).unwrap_or_default();
        let is_secret = |node: &model::document::Node| {
            node.to_json().get("airbyte_secret") == Some(&true.into())
        };
        self.secrets = entries
            .iter()
            .filter(|(_, node)| is_secret(node))
            .map(|(key, _)| key.text.clone())
            .collect();
        let names: Vec<String> = entries.iter().map(|(key, _)| key.text.clone()).collect();
        if let Some(required) = schema.field("required") {
            for item in self.d.list(&required) {
                let Some(name) = self.d.text(&item) else { continue };
                if !names.contains(&name) {
                    let message =
                        format!("`properties` has no `{name}`; there are: {}", names.join(", "));
                    self.d.fault(&item, message);
                }
            }
        }
        if properties.is_some() {
            self.config = Some(names);
        }
        at.node.to_json()
    }
}
