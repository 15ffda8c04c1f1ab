//! Reading the rules out of a model file.

use std::collections::BTreeMap;
use std::time::Duration;

use model::config::{At, Decoder, parse_duration};
use model::document::suggest;

use super::rules::{Confidence, Fact, FieldRule, Form, Rules, Take, Tier};

const FORMS: &[(&str, Form)] = &[
    ("text", Form::Text),
    ("lower", Form::Lower),
    ("mac", Form::Mac),
    ("ip", Form::Ip),
    ("hostname", Form::Hostname),
    ("short_name", Form::ShortName),
];

const TAKES: &[(&str, Take)] = &[
    ("newest", Take::Newest),
    ("min", Take::Min),
    ("max", Take::Max),
    ("union", Take::Union),
    ("nothing", Take::Nothing),
];

const CONFIDENCES: &[(&str, Confidence)] = &[("high", Confidence::High), ("low", Confidence::Low)];

impl Rules {
    /// Reads the sections `identity` and `merge` of a model with these fields; what is wrong with
    /// them is noted with its place.
    pub fn decode(
        d: &mut Decoder<'_>,
        identity: &At<'_>,
        merge: Option<&At<'_>>,
        fields: &[&str],
    ) -> Option<Self> {
        let mut reader = Reader { d, fields };
        let rules = reader.identity(identity);
        let fields = merge.map(|merge| reader.merge(merge)).unwrap_or_default();
        Some(Self { fields, ..rules? })
    }
}

struct Reader<'r, 'd> {
    d: &'r mut Decoder<'d>,
    fields: &'r [&'r str],
}

impl Reader<'_, '_> {
    fn identity(&mut self, at: &At<'_>) -> Option<Rules> {
        if !self.d.names(at, &["observed_at", "facts", "tiers", "merge_low_confidence"]) {
            return None;
        }
        let observed_at = at.field("observed_at").and_then(|name| self.field(&name));
        let facts = self.d.required(at, "facts").map(|facts| self.facts(&facts));
        let facts = facts.unwrap_or_default();
        let known: Vec<&str> = facts.keys().map(String::as_str).collect();
        let tiers = self.d.required(at, "tiers").map(|tiers| self.tiers(&tiers, &known));
        let tiers = tiers.unwrap_or_default();
        let low = at.field("merge_low_confidence").and_then(|flag| self.d.truth(&flag));
        let merge_low_confidence = low.unwrap_or_default();
        let fields = BTreeMap::new();
        Some(Rules { observed_at, facts, tiers, merge_low_confidence, fields })
    }

    fn facts(&mut self, at: &At<'_>) -> BTreeMap<String, Fact> {
        let mut facts = BTreeMap::new();
        for (name, fact) in self.entries(at) {
            facts.extend(self.fact(&fact).map(|fact| (name, fact)));
        }
        facts
    }

    fn fact(&mut self, at: &At<'_>) -> Option<Fact> {
        if !self.d.names(at, &["fields", "form", "ignore", "only"]) {
            return None;
        }
        let fields = self.d.required(at, "fields")?;
        let fields = self.d.list(&fields);
        let fields: Vec<String> = fields.iter().filter_map(|name| self.field(name)).collect();
        if fields.is_empty() {
            self.d.fault(at, "a fact needs at least one field");
        }
        let form = at.field("form").and_then(|form| self.d.word(&form, FORMS));
        Some(Fact {
            fields,
            form: form.unwrap_or_default(),
            ignore: self.texts(at, "ignore"),
            only: self.texts(at, "only"),
        })
    }

    fn tiers(&mut self, at: &At<'_>, facts: &[&str]) -> Vec<Tier> {
        let mut tiers: Vec<Tier> = Vec::new();
        for item in self.d.list(at) {
            let Some(tier) = self.tier(&item, facts) else { continue };
            if tiers.iter().any(|one| one.name == tier.name) {
                self.d.fault(&item, format!("two tiers are named `{}`", tier.name));
            }
            tiers.push(tier);
        }
        tiers
    }

    fn tier(&mut self, at: &At<'_>, facts: &[&str]) -> Option<Tier> {
        if !self.d.names(at, &["name", "match", "veto", "within", "confidence"]) {
            return None;
        }
        let name = self.d.required(at, "name").and_then(|name| self.d.text(&name));
        let lists = self.d.required(at, "match")?;
        let mut any = Vec::new();
        for list in self.d.list(&lists) {
            let names = self.d.list(&list);
            any.push(names.iter().filter_map(|name| self.known(name, "fact", facts)).collect());
        }
        if any.iter().any(Vec::is_empty) || any.is_empty() {
            self.d.fault(&lists, "accepted is a list of lists of facts: [[mac, short_name]]");
        }
        let veto = at.field("veto").and_then(|flag| self.d.truth(&flag)).unwrap_or_default();
        let within = at.field("within").and_then(|span| self.span(&span));
        let word = at.field("confidence").and_then(|word| self.d.word(&word, CONFIDENCES));
        Some(Tier { name: name?, any, veto, within, confidence: word.unwrap_or_default() })
    }

    fn merge(&mut self, at: &At<'_>) -> BTreeMap<String, FieldRule> {
        let mut rules = BTreeMap::new();
        for (name, rule) in self.entries(at) {
            if !name.contains('*') && !self.fields.contains(&name.as_str()) {
                self.unknown(&rule, "field", &name, self.fields);
            }
            if !self.d.names(&rule, &["take", "prefer"]) {
                continue;
            }
            let take = rule.field("take").and_then(|take| self.d.word(&take, TAKES));
            let prefer = rule.field("prefer").map(|list| self.d.list(&list)).unwrap_or_default();
            let prefer = prefer.iter().filter_map(|source| self.d.parsed(source)).collect();
            rules.insert(name, FieldRule { take: take.unwrap_or_default(), prefer });
        }
        rules
    }

    fn entries<'n>(&mut self, at: &At<'n>) -> Vec<(String, At<'n>)> {
        let Some(entries) = at.node.entries() else {
            self.d.names(at, &[]);
            return Vec::new();
        };
        let entry = |(key, node)| {
            let key: &model::document::NodeKey = key;
            (key.text.clone(), At { node, path: at.below(&key.text) })
        };
        entries.iter().map(|(key, node)| entry((key, node))).collect()
    }

    fn texts(&mut self, at: &At<'_>, name: &str) -> Vec<String> {
        let Some(list) = at.field(name) else { return Vec::new() };
        let items = self.d.list(&list);
        items.iter().filter_map(|item| self.d.text(item)).collect()
    }

    fn span(&mut self, at: &At<'_>) -> Option<Duration> {
        let text = self.d.text(at)?;
        self.d.kept(at, parse_duration(&text))
    }

    fn field(&mut self, at: &At<'_>) -> Option<String> {
        self.known(at, "field", self.fields)
    }

    /// A name out of those that there are.
    fn known(&mut self, at: &At<'_>, what: &str, names: &[&str]) -> Option<String> {
        let name = self.d.text(at)?;
        if names.contains(&name.as_str()) {
            return Some(name);
        }
        self.unknown(at, what, &name, names);
        None
    }

    fn unknown(&mut self, at: &At<'_>, what: &str, name: &str, names: &[&str]) {
        let meant = match suggest(name, names) {
            Some(meant) => format!(", did you mean `{meant}`?"),
            None => String::new(),
        };
        self.d.fault(at, format!("unknown {what} `{name}`{meant}; accepted: {}", names.join(", ")));
    }
}
