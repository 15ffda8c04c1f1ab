use super::OnViolation::{Fail, Null, Quarantine};
use super::*;

fn faults(text: &str) -> String {
    let document = Document::parse("m.yaml", text).unwrap();
    let faults = Model::parse(&document).unwrap_err();
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn names_of_partitions_are_no_names_of_fields() {
    let told = faults(
        "version: 1\nfields: {id: {type: string, required: true}, month: string}\nidentity: [id]\nsources: {a/b: {fields: {id: id, month: m}}}\n",
    );
    assert!(
        told.contains("fields.month: the model's tables have a partition of that name"),
        "{told}"
    );
}

#[test]
fn every_fault_of_a_model_is_told_with_its_place() {
    insta::assert_snapshot!(faults(
        r##"version: 0
feilds: {}
fields:
  id: {type: strin, required: true}
  Name: string
  name: {type: string, required: true, on_violation: "null", patern: x, pattern: "("}
  total: {type: "decimal(40,2)"}
  flag: {type: boolean, enum: [a], range: {min: 1}}
  count: {type: integer, range: {min: 3, max: 2}, required: true}
  at: {type: timestamp, range: {min: yesterday}}
  opt: string
  list: list
identity: [nam, opt]
on_violation: ignore
sources:
  rutter: {fields: {}}
  rutter/orders:
    explode: lines
    timezone: Mars/Olympus
    fields:
      nme: a..b
      name: {path: a, const: x}
      count: ^id
      at: {path: [a, b], as: [trimm], split: "(a)(?<b>c)", take: d}
      opt: {path: a, take: 1}
      list: {path: a, pick: max}
  rutter/lines:
    explode: lines[]
    fields:
      name: "^lines[].name"
      count: "#"
      at: {path: a, is: text, format: "%Y", pick: most}
      opt: "#"
    known: ["^lines", a b, "[]x"]
  rutter/plain: {fields: {name: ^id, count: {path: a, as: mac, split: b}}, known: [^a]}
"##
    ));
}

#[test]
fn a_model_says_what_identifies_its_rows() {
    let base = "version: 1\nfields: {id: {type: string, required: true}}\nsources: {s/t: {fields: {id: id}}}\n";
    assert_eq!(faults(base), "m.yaml:1:1: `identity` is missing");
    let rules = format!(
        "{base}identity: {{facts: {{id: {{fields: [id]}}}}, tiers: [{{name: id, match: [[id]]}}]}}\nmerge: {{id: {{take: max}}}}\n"
    );
    assert_eq!(faults(&rules), "m.yaml:1:1: `key` is missing");
    let merge = faults(&format!("{base}identity: [id]\nmerge: {{id: {{take: max}}}}\n"));
    assert_eq!(merge, "m.yaml:5:8: merge: `merge` goes with an `identity` of facts and tiers");
    let model = |text: &str| Model::parse(&Document::parse("m.yaml", text).unwrap()).unwrap();
    assert_eq!(model(&format!("{base}identity: [id]\n")).key, [0]);
    let keyed = model(&format!("{rules}key: [id]\n"));
    assert_eq!(keyed.key, [0]);
    assert_eq!(keyed.rules.unwrap().tiers.len(), 1);
}

#[test]
fn required_fields_are_mapped_by_every_source_and_patterns_stay_small() {
    let text = "version: 1\nfields: {id: {type: string, required: true}, b: {type: string, pattern: 'x{1000}{1000}'}}\nidentity: [id]\nsources: {s/t: {fields: {b: b}}}\n";
    let said = faults(text);
    assert!(said.contains("sources.s/t.fields: `id` is required and not mapped"), "{said}");
    assert!(said.contains("fields.b.pattern: this is no regular expression"), "{said}");
}

#[test]
fn rules_of_optional_fields_leave_values_out_unless_said_otherwise() {
    let policies = |head: &str| {
        let text = format!(
            "{head}version: 1\nfields:\n  id: {{type: string, required: true}}\n  a: string\n  b: {{type: string, on_violation: fail}}\nidentity: [id]\nsources: {{s/t: {{fields: {{id: id}}}}}}\n"
        );
        let model = Model::parse(&Document::parse("m.yaml", &text).unwrap()).unwrap();
        model.fields.iter().map(|field| field.on_violation).collect::<Vec<_>>()
    };
    assert_eq!(policies(""), [Quarantine, Null, Fail]);
    assert_eq!(policies("on_violation: quarantine\n"), [Quarantine, Quarantine, Fail]);
    assert_eq!(policies("on_violation: \"null\"\n"), [Quarantine, Null, Fail]);
    assert_eq!(policies("on_violation: fail\n"), [Fail, Fail, Fail]);
}
