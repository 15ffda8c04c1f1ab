//! What the templates must hold: queues with dead letters and alarms, buckets that keep what they
//! get, functions with no more rights than they use, every metric in sight.

#[path = "template/deliveries.rs"]
mod deliveries;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws::{Athena, Resources, Tools};
use handlers::configuration::schedules;
use host::{LogStyle, SystemClock, SystemIds, VarError, Vars};
use model::Metric;
use model::config::TenantFile;
use model::document::Document;
use ports::{Cadence, Clock};
use serde_json::Value;
use xtask::template::{Resource, Stack, at, entries};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn stack() -> Stack {
    Stack::load(&root()).unwrap()
}

fn functions(stack: &Stack) -> Vec<&Resource> {
    stack.of_kind("AWS::Serverless::Function").collect()
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(object) => object.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn dead_letters(queue: &Resource) -> Option<&str> {
    at(&queue.properties, "/RedrivePolicy/deadLetterTargetArn").as_str()?.rsplit(':').next()
}

#[test]
fn a_function_reads_top_to_bottom_the_same_way() {
    let order =
        ["CodeUri", "Description", "Timeout", "MemorySize", "Environment", "Policies", "Events"];
    for function in functions(&stack()) {
        let keys: Vec<_> = entries(&function.properties).map(|(key, _)| key).take(7).collect();
        assert_eq!(keys, order, "{}", function.logical);
    }
}

#[test]
fn every_queue_is_redriven_to_dead_letters_or_holds_them() {
    let stack = stack();
    let queues: Vec<_> = stack.of_kind("AWS::SQS::Queue").collect();
    for queue in queues.iter().filter(|queue| !queue.logical.ends_with("DeadLetters")) {
        let dead = dead_letters(queue).unwrap_or_else(|| panic!("{} has no redrive", queue.name));
        assert!(queues.iter().any(|other| other.name == dead), "{dead} is no queue");
        let deliveries = at(&queue.properties, "/RedrivePolicy/maxReceiveCount").as_u64();
        assert_eq!(deliveries, Some(u64::from(ports::DELIVERY_LIMIT)), "{}", queue.name);
    }
}

#[test]
fn every_dead_letter_queue_has_an_alarm_on_its_depth() {
    let stack = stack();
    for queue in stack.of_kind("AWS::SQS::Queue") {
        if !queue.logical.ends_with("DeadLetters") {
            continue;
        }
        let watched = stack.of_kind("AWS::CloudWatch::Alarm").any(|alarm| {
            at(&alarm.properties, "/MetricName") == "ApproximateNumberOfMessagesVisible"
                && at(&alarm.properties, "/Dimensions/0/Value") == queue.name.as_str()
                && at(&alarm.properties, "/AlarmActions/0").is_string()
        });
        assert!(watched, "{} has no alarm", queue.logical);
    }
}

#[test]
fn a_message_is_hidden_for_six_times_the_time_out_of_its_function() {
    let stack = stack();
    let mut sources = 0;
    for function in functions(&stack) {
        for (name, event) in entries(at(&function.properties, "/Events")) {
            if at(event, "/Type") != "SQS" {
                continue;
            }
            sources += 1;
            let source = at(event, "/Properties");
            let arn = at(source, "/Queue").as_str().unwrap_or_default();
            let queue = stack
                .of_kind("AWS::SQS::Queue")
                .find(|queue| arn.rsplit(':').next() == Some(&queue.name))
                .unwrap_or_else(|| panic!("{name}: {arn} is no queue"));
            let hidden = at(&queue.properties, "/VisibilityTimeout").as_u64().unwrap();
            assert!(hidden >= 6 * at(&function.properties, "/Timeout").as_u64().unwrap());
            let answers = at(source, "/FunctionResponseTypes/0");
            assert_eq!(answers, "ReportBatchItemFailures", "{name}");
            assert!(at(source, "/ScalingConfig/MaximumConcurrency").is_string(), "{name}");
        }
    }
    assert!(sources > 0, "no function listens to a queue");
}

#[test]
fn a_function_that_continues_itself_is_not_cut_off() {
    let stack = stack();
    let extract = functions(&stack).into_iter().find(|f| f.logical == "Extract").unwrap();
    assert_eq!(at(&extract.properties, "/RecursiveLoop"), "Allow");
}

#[test]
fn functions_have_named_rights_on_named_things() {
    for function in functions(&stack()) {
        let policies = at(&function.properties, "/Policies").as_array().unwrap();
        assert!(policies.iter().all(Value::is_object), "{}: managed policy", function.logical);
        for statement in policies.iter().flat_map(|p| at(p, "/Statement").as_array().unwrap()) {
            let place = format!("{} {}", function.logical, at(statement, "/Sid"));
            for action in texts(at(statement, "/Action")) {
                assert!(!action.contains('*'), "{place}: {action}");
            }
            for thing in texts(at(statement, "/Resource")) {
                assert!(thing.starts_with("arn:aws:") && thing.len() > 12, "{place}: {thing}");
            }
        }
    }
}

/// Reads what a function's host reads.
fn read(function: &str, vars: &Vars) -> Result<(), VarError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Resources::from_vars(vars, &clock)?;
    if function == "export" {
        let metrics = Arc::new(testkit::MemoryMetrics::default());
        Athena::from_vars(vars, Tools { clock, ids: Arc::new(SystemIds), metrics })?;
    }
    Ok(())
}

#[test]
fn every_variable_that_functions_read_is_given_and_every_given_one_is_read() {
    for (function, given) in stack().environments {
        let vars = |without: &str| -> Vars {
            let region = ("AWS_REGION".to_owned(), "eu-west-1".to_owned());
            let kept = given.clone().into_iter().filter(|(name, _)| name != without);
            kept.chain([region]).collect()
        };
        read(&function, &vars("")).unwrap_or_else(|fault| panic!("{function}: {fault}"));
        for name in given.keys().filter(|name| *name != "HEADWATER_LOG") {
            let fault = read(&function, &vars(name)).unwrap_err();
            assert_eq!(fault, VarError::Missing { name: name.clone() }, "{function}");
        }
        host::init_logs(LogStyle::Person, &vars("")).unwrap();
    }
}

#[test]
fn logs_are_kept_for_a_set_time_and_each_function_has_its_own() {
    let stack = stack();
    for group in stack.of_kind("AWS::Logs::LogGroup") {
        assert!(!at(&group.properties, "/RetentionInDays").is_null(), "{}", group.logical);
    }
    let groups: BTreeSet<_> = functions(&stack)
        .iter()
        .map(|f| at(&f.properties, "/LoggingConfig/LogGroup").as_str().unwrap().to_owned())
        .collect();
    assert_eq!(groups.len(), functions(&stack).len());
}

#[test]
fn buckets_are_versioned_encrypted_private_and_forget_old_versions() {
    let stack = stack();
    for bucket in stack.of_kind("AWS::S3::Bucket") {
        let has = |path: &str| !at(&bucket.properties, path).is_null();
        assert_eq!(at(&bucket.properties, "/VersioningConfiguration/Status"), "Enabled");
        assert!(has("/BucketEncryption/ServerSideEncryptionConfiguration/0"), "{}", bucket.name);
        assert!(has("/LifecycleConfiguration/Rules/0"), "{}", bucket.name);
        assert_eq!(
            at(&bucket.properties, "/PublicAccessBlockConfiguration/BlockPublicPolicy"),
            true
        );
        assert_eq!(at(&bucket.raw, "/DeletionPolicy"), "Retain", "{}", bucket.name);
        let policy = stack
            .of_kind("AWS::S3::BucketPolicy")
            .find(|policy| at(&policy.properties, "/Bucket") == bucket.name.as_str());
        let policy = policy.unwrap_or_else(|| panic!("{} has no policy", bucket.name));
        assert!(denies_plain_http(policy), "{}", bucket.name);
    }
}

fn denies_plain_http(policy: &Resource) -> bool {
    let statements = at(&policy.properties, "/PolicyDocument/Statement").as_array().unwrap();
    statements.iter().any(|statement| {
        at(statement, "/Effect") == "Deny"
            && at(statement, "/Condition/Bool/aws:SecureTransport") == "false"
    })
}

#[test]
fn the_state_table_is_recoverable_expires_items_and_is_encrypted_by_our_key() {
    let stack = stack();
    let tables: Vec<_> = stack.of_kind("AWS::DynamoDB::Table").collect();
    assert!(!tables.is_empty());
    for table in tables {
        let is =
            |path: &str, value: Value| assert_eq!(*at(&table.properties, path), value, "{path}");
        is("/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled", true.into());
        is("/TimeToLiveSpecification/AttributeName", "x".into());
        is("/SSESpecification/SSEType", "KMS".into());
        is("/DeletionProtectionEnabled", true.into());
    }
}

#[test]
fn every_metric_is_shown_or_alarmed_and_no_other_is() {
    let stack = stack();
    let mut seen = BTreeSet::new();
    for board in stack.of_kind("AWS::CloudWatch::Dashboard") {
        let widgets = at(&board.properties, "/DashboardBody/Fn::ToJsonString/widgets");
        for widget in widgets.as_array().unwrap() {
            for metric in at(widget, "/properties/metrics").as_array().unwrap() {
                if at(metric, "/0") == host::NAMESPACE {
                    seen.insert(at(metric, "/1").as_str().unwrap().to_owned());
                }
            }
        }
    }
    for alarm in stack.of_kind("AWS::CloudWatch::Alarm") {
        if at(&alarm.properties, "/Namespace") == host::NAMESPACE {
            seen.insert(at(&alarm.properties, "/MetricName").as_str().unwrap().to_owned());
        }
    }
    let all: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name().to_owned()).collect();
    assert_eq!(seen, all);
}

/// Name, expression, time zone and event of a schedule.
type Told = (String, String, String, Value);

/// The schedules that the sample tenants' files ask for, as `EventBridge` is told them.
fn configured() -> BTreeSet<String> {
    let folder = root().join("config/tenants");
    let mut all = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let tenant = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let document = Document::parse(path.to_str().unwrap(), &text).unwrap();
        for schedule in schedules(&TenantFile::parse(&document, &tenant).unwrap()) {
            let (expression, zone) = match schedule.cadence {
                Cadence::Every(every) => (format!("rate({} minutes)", every.as_secs() / 60), None),
                Cadence::Cron { expression, timezone } => {
                    (format!("cron({expression})"), Some(timezone))
                }
            };
            let zone = zone.unwrap_or_else(|| "UTC".to_owned());
            let event = serde_json::from_str(&schedule.input).unwrap();
            let told: Told = (schedule.name, expression, zone, event);
            all.insert(format!("{told:?}"));
        }
    }
    all
}

#[test]
fn the_sample_tenants_have_the_schedules_that_their_files_ask_for() {
    let stack = stack();
    let mut given = BTreeSet::new();
    for nested in stack.of_kind("AWS::Serverless::Application") {
        let text = |name: &str| at(&nested.properties, &format!("/Parameters/{name}")).as_str();
        let (Some(name), Some(input)) = (text("Name"), text("Input")) else { continue };
        let zone = text("Timezone").unwrap_or("UTC").to_owned();
        let expression = text("Expression").unwrap().to_owned();
        let event = serde_json::from_str(input).unwrap();
        let told: Told = (name.to_owned(), expression, zone, event);
        given.insert(format!("{told:?}"));
    }
    assert_eq!(given, configured());
}

#[test]
fn broken_rules_drift_and_damage_alarm_within_a_minute() {
    let stack = stack();
    for metric in [Metric::RowsQuarantined, Metric::DriftFound, Metric::ObjectsDamaged] {
        let told = stack.of_kind("AWS::CloudWatch::Alarm").any(|alarm| {
            let is = |path: &str, value: Value| *at(&alarm.properties, path) == value;
            is("/MetricName", metric.name().into())
                && is("/Period", 60.into())
                && is("/EvaluationPeriods", 1.into())
                && is("/Threshold", 0.into())
                && at(&alarm.properties, "/AlarmActions/0").is_string()
        });
        assert!(told, "{}", metric.name());
    }
}

#[test]
fn the_lake_tells_of_commits_and_the_queue_lets_it() {
    let stack = stack();
    let bucket = stack
        .of_kind("AWS::S3::Bucket")
        .find(|bucket| !at(&bucket.properties, "/NotificationConfiguration").is_null())
        .expect("a bucket that tells of its objects");
    let told = at(&bucket.properties, "/NotificationConfiguration/QueueConfigurations/0");
    assert_eq!(at(told, "/Filter/S3Key/Rules/0/Value"), "commits/");
    let queue = at(told, "/Queue").as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let lets = stack.of_kind("AWS::SQS::QueuePolicy").any(|policy| {
        texts(at(&policy.properties, "/Queues")).iter().any(|url| url.ends_with(&queue))
            && at(&policy.properties, "/PolicyDocument/Statement").as_array().unwrap().iter().any(
                |statement| {
                    at(statement, "/Principal/Service") == "s3.amazonaws.com"
                        && at(statement, "/Action") == "sqs:SendMessage"
                        && at(statement, "/Condition/StringEquals/aws:SourceAccount").is_string()
                },
            )
    });
    assert!(lets, "no policy lets S3 send to {queue}");
}
