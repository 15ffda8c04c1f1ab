use serde_json::json;

use super::*;

fn now() -> Timestamp {
    "2024-01-06T00:00:00Z".parse().unwrap()
}

fn refusal(validation: &Json, config: &Json) -> Option<String> {
    let spec = json!({"config_normalization_rules": {"validations": [validation]}});
    let rules = Rules::build(&spec).unwrap();
    rules.validate(config, now()).err().map(|error| error.to_string())
}

#[test]
fn what_does_not_adhere_is_told_by_place_and_rule_without_its_value() {
    let schema =
        json!({"type": "object", "properties": {"token": {"type": "string", "minLength": 9}}});
    let strategy = json!({"type": "ValidateAdheresToSchema", "base_schema": schema});
    let path = json!({
        "type": "DpathValidator", "field_path": ["credentials"], "validation_strategy": strategy,
    });
    let told = refusal(&path, &json!({"credentials": {"token": "s3cret"}})).unwrap();
    assert!(
        told.contains("config.credentials: does not adhere to its schema at `/token`"),
        "{told}"
    );
    assert!(told.contains("`/properties/token`") && !told.contains("s3cret"), "{told}");
    assert_eq!(refusal(&path, &json!({"credentials": {"token": "s3cret-long"}})), None);
}

#[test]
fn a_value_made_of_the_configuration_is_held_to_its_schema() {
    let strategy = json!({"type": "ValidateAdheresToSchema", "base_schema": {"type": "integer", "maximum": 5}});
    let value = json!({
        "type": "PredicateValidator", "value": "{{ config['n'] }}", "validation_strategy": strategy,
    });
    assert_eq!(refusal(&value, &json!({"n": 5})), None);
    assert!(refusal(&value, &json!({"n": 6})).is_some());
}

#[test]
fn a_schema_that_is_none_is_refused() {
    for schema in [json!({"type": "objekt"}), json!({"$ref": "file:///etc/hostname"})] {
        let spec = json!({"config_normalization_rules": {"validations": [{
            "type": "DpathValidator", "field_path": ["a"],
            "validation_strategy": {"type": "ValidateAdheresToSchema", "base_schema": schema},
        }]}});
        let error = Rules::build(&spec).unwrap_err().to_string();
        assert!(error.contains("base_schema: not a JSON Schema"), "{error}");
    }
}

fn described_by(schema: &Json, config: &Json) -> Option<String> {
    let spec = json!({"connection_specification": schema});
    described(&spec, config).err().map(|error| error.to_string())
}

#[test]
fn what_a_configuration_lacks_is_told_without_its_values() {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "required": ["token"],
        "additionalProperties": false,
        "properties": {
            "token": {"type": "string", "airbyte_secret": true, "pattern": "^[a-z]+$", "examples": ["t"]},
            "limit": {"type": ["integer", "null"], "maximum": 9, "default": 3},
            "where": {"enum": ["eu", "us"]},
            "login": {"oneOf": [
                {"properties": {"kind": {"const": "a"}}, "required": ["kind"]},
                {"properties": {"kind": {"const": "b"}}, "required": ["kind"]},
            ]},
        },
    });
    let with = |name: &str, value: Json| {
        let mut config = json!({"token": "t"});
        config[name] = value;
        described_by(&schema, &config).unwrap()
    };
    assert_eq!(described_by(&schema, &json!({"token": "t", "_limit": 3, "limit": null})), None);
    assert_eq!(
        described_by(&schema, &json!({})).unwrap(),
        "Config validation error: 'token' is a required property"
    );
    for (name, value, told) in [
        ("token", json!("S3CRET"), "`token` does not match '^[a-z]+$'"),
        ("limit", json!("S3CRET"), "`limit` is not of type null or integer"),
        ("limit", json!(77), "`limit` does not adhere to its schema"),
        ("where", json!("S3CRET"), r#"`where` is not one of ["eu","us"]"#),
        ("login", json!({"kind": "S3CRET"}), "`login` fits none of the alternatives"),
        ("other", json!("S3CRET"), "additional properties are not allowed: 'other'"),
    ] {
        let found = with(name, value);
        assert!(found.ends_with(told) && !found.contains("S3CRET"), "{found}");
    }
}

#[test]
fn what_only_python_can_check_is_let_through() {
    let schema = json!({
        "$schema": "http://example.com/dialect",
        "properties": {"host": {"type": "string", "pattern": "^(?!https)"}, "pattern": {"type": "string"}},
    });
    assert_eq!(described_by(&schema, &json!({"host": "https", "pattern": "("})), None);
    assert!(described_by(&schema, &json!({"pattern": 1})).is_some());
    let nested = json!({"properties": {"url": {"pattern": "^https://[[A-Za-z0-9_].-]+$"}}});
    assert_eq!(described_by(&nested, &json!({"url": "https:"})), None);
    let vain = json!({"properties": {"host": {
        "pattern": "^[a-z]+\\.[a-z]+$", "examples": ["https://shop.example"],
    }}});
    assert_eq!(described_by(&vain, &json!({"host": "https://elsewhere"})), None, "its own example");
    assert!(described_by(&json!({"type": "objekt"}), &json!({})).is_some());
    assert_eq!(described_by(&Json::Null, &json!({})), None);
}

#[test]
fn a_stand_in_on_this_machine_need_not_look_like_the_real_one() {
    let schema = json!({"type": "object", "required": ["url"], "properties": {
        "url": {"type": "string", "pattern": "^https://[^/]+\\.example\\.com$"},
        "pattern": {"type": "string"},
    }});
    assert_eq!(described_by(&schema, &json!({"url": "http://127.0.0.1:8080"})), None);
    assert!(described_by(&schema, &json!({"url": "http://elsewhere.test"})).is_some());
    assert!(described_by(&schema, &json!({"host": "localhost"})).is_some(), "all else holds");
    assert!(described_by(&schema, &json!({"url": "localhost", "pattern": 1})).is_some());
}
