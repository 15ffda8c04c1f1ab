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
