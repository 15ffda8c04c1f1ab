use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::value::{Dict, Value};

/// One case of the golden table, as the reference evaluated it.
#[derive(serde::Deserialize)]
struct Case {
    template: String,
    context: String,
    kind: String,
    /// `repr` of the result; none where the reference raises.
    repr: Option<String>,
    #[serde(default)]
    error: String,
}

#[derive(serde::Deserialize)]
struct Golden {
    now: String,
    contexts: BTreeMap<String, BTreeMap<String, Box<serde_json::value::RawValue>>>,
    cases: Vec<Case>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../golden/interpolation.json")).unwrap()
}

fn context<'a>(golden: &Golden, name: &str) -> Context<'a> {
    let mut context = Context::new(Value::empty_dict(), golden.now.parse().unwrap());
    for (key, value) in &golden.contexts[name] {
        let key: &'static str = Box::leak(key.clone().into_boxed_str());
        context = context.with(key, Value::from_json(value.get().as_bytes()).unwrap());
    }
    context
}

fn evaluate(case: &Case, context: &Context<'_>) -> Result<Value, String> {
    let parameters = context.get("parameters").cloned().unwrap_or_else(Value::empty_dict);
    let template = Template::new(&case.template, &parameters).map_err(|e| e.to_string())?;
    let typed = |types| template.eval(context, types).map_err(|e| e.to_string());
    let string = || InterpolatedString::new(&case.template, &parameters).unwrap();
    match case.kind.as_str() {
        "string" => string().eval(context).map_err(|e| e.to_string()),
        "boolean" => {
            let condition = InterpolatedBoolean::new(&case.template, &parameters).unwrap();
            condition.eval(context).map(Value::Bool).map_err(|e| e.to_string())
        }
        "any" => typed(Types::Any),
        "text" => typed(Types::Text),
        "text_or_list" => typed(Types::TextOrList),
        "float" => typed(Types::Float),
        "integer" => typed(Types::Integer),
        "bool" => typed(Types::Boolean),
        other => panic!("unknown kind {other}"),
    }
}

#[test]
fn templates_evaluate_as_the_reference_evaluates_them() {
    let golden = golden();
    let mut wrong = Vec::new();
    let contexts: BTreeMap<_, _> =
        golden.contexts.keys().map(|name| (name.clone(), context(&golden, name))).collect();
    for case in &golden.cases {
        let found = evaluate(case, &contexts[&case.context]);
        let same = match (&found, &case.repr) {
            (Ok(value), Some(repr)) => value.repr() == *repr,
            (Err(_), None) => true,
            _ => false,
        };
        if !same {
            let found = found.map(|value| value.repr());
            wrong.push(format!(
                "{:?} as {}: {found:?}, not {:?} {}",
                case.template, case.kind, case.repr, case.error
            ));
        }
    }
    assert!(golden.cases.len() >= 300, "only {} cases", golden.cases.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), golden.cases.len(), wrong.join("\n"));
}

fn check(template: &str, expected: &str) {
    let config: Dict = [("a", Value::from(1)), ("b", Value::from("x"))].into_iter().collect();
    let context = Context::new(Value::from(config), "2024-01-06T07:08:09Z".parse().unwrap());
    let string = InterpolatedString::new(template, &Value::empty_dict()).unwrap();
    assert_eq!(string.eval(&context).unwrap().repr(), expected, "{template}");
}

#[test]
fn a_text_without_tags_is_constant() {
    let template = Template::new("v1/items", &Value::empty_dict()).unwrap();
    assert!(template.is_constant());
    check("v1/items", "'v1/items'");
}

#[test]
fn endless_work_is_stopped() {
    let context = Context::new(Value::empty_dict(), "2024-01-06T07:08:09Z".parse().unwrap());
    for template in [
        "{{ 'a' * 100000000 }}",
        "{{ [1] * 100000000 }}",
        "{% for a in 'x' * 1000 %}{% for b in 'x' * 1000 %}{% for c in 'x' * 1000 %}.{% endfor %}{% endfor %}{% endfor %}",
        "{{ '%10000000s' % 'x' }}",
        "{{ 'x'.ljust(100000000) }}",
        "{{ 10 ** 10 ** 10 }}",
        "{% set n = namespace(l=[]) %}{% for a in 'x' * 90000 %}{% set n.l = [n.l] %}{% endfor %}",
        "{% set l = [] %}{% for a in 'x' * 90000 %}{% set _ = l.append(l) %}{% endfor %}",
    ] {
        let string = InterpolatedString::new(template, &Value::empty_dict()).unwrap();
        assert!(string.eval(&context).is_err(), "{template}");
    }
}

#[test]
fn deep_nesting_is_refused_not_overflowed() {
    for source in [
        format!("{{{{ {}1{} }}}}", "(".repeat(5_000), ")".repeat(5_000)),
        format!("{{{{ {}1 }}}}", "not ".repeat(5_000)),
        format!("{{{{ {}1 }}}}", "-".repeat(5_000)),
        format!("{{{{ 1{} }}}}", " + 1".repeat(5_000)),
        format!("{{{{ a{} }}}}", ".b".repeat(5_000)),
        format!("{{{{ a{} }}}}", "|list".repeat(5_000)),
    ] {
        assert!(Template::new(&source, &Value::empty_dict()).is_err());
    }
}

#[test]
fn errors_quote_the_template_and_no_value() {
    let config: Dict = [("token", Value::from("hunter2"))].into_iter().collect();
    let context = Context::new(Value::from(config), "2024-01-06T07:08:09Z".parse().unwrap());
    for template in ["{{ config.token.x.y }}", "{{ duration(config.token) }}", "{{ nobody.x }}"] {
        let string = InterpolatedString::new(template, &Value::empty_dict()).unwrap();
        let message = string.eval(&context).unwrap_err().to_string();
        assert!(message.contains(template) && !message.contains("hunter2"), "{message}");
    }
}

#[test]
fn a_template_says_what_it_reads() {
    let template = Template::new(
        "{{ response.get('meta', {}).next if 'data' in response else config['a'].b }}",
        &Value::empty_dict(),
    )
    .unwrap();
    let reads = template.reads();
    assert_eq!(reads.roots().collect::<Vec<_>>(), ["config", "response"]);
    let response = reads.of("response").unwrap();
    assert!(response.field("meta").unwrap().field("next").is_some());
    assert!(response.field("data").is_some());
    assert!(response.field("other").is_none());
}

#[test]
fn entries_are_made_on_demand() {
    let make = || panic!("nobody asked");
    let context = Context::new(Value::empty_dict(), "2024-01-06T07:08:09Z".parse().unwrap())
        .lazily("response", &make);
    let template = Template::new("{{ 1 if true else response }}", &Value::empty_dict()).unwrap();
    assert_eq!(template.eval(&context, Types::Any).unwrap(), Value::from(1));
}

proptest! {
    #[test]
    fn no_text_breaks_the_compiler_or_the_evaluator(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "{{", "}}", "{%", "%}", "-", " ", "config", ".a", "['b']", "(", ")", "[", "]", ":",
                "1", "2.5", "'x'", "|", "join", "int", " is ", "none", " if ", " else ", " not ",
                " in ", "+", "*", "//", "%", "~", ",", "=", "==", "set x", "for x in ", "endfor",
                "if ", "endif", "x", "{", "}", "é",
            ]),
            0..14,
        ),
    ) {
        let source = parts.concat();
        let config: Dict = [("a", Value::from(1)), ("b", Value::from("x"))].into_iter().collect();
        let context = Context::new(Value::from(config), "2024-01-06T07:08:09Z".parse().unwrap());
        for source in [source.clone(), format!("{{{{ {source} }}}}")] {
            if let Ok(template) = Template::new(&source, &Value::empty_dict()) {
                drop(template.eval(&context, Types::Any));
            }
        }
    }
}
