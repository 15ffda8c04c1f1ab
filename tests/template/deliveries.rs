//! What the templates hold for partners' files and pushes.

use serde_json::Value;
use xtask::template::{Resource, Stack, at, entries};

use super::{functions, stack, texts};

fn function<'s>(stack: &'s Stack, logical: &str) -> &'s Resource {
    functions(stack).into_iter().find(|function| function.logical == logical).unwrap()
}

#[test]
fn partners_places_are_looked_at_every_five_minutes_unless_told_otherwise() {
    let stack = stack();
    assert_eq!(at(&stack.root, "/Parameters/FilesSchedule/Default"), "rate(5 minutes)");
    let sweep = at(&function(&stack, "Intake").properties, "/Events/Sweep/Properties");
    assert_eq!(at(sweep, "/Input"), "{\"sweep\":true}");
    assert_eq!(at(sweep, "/ScheduleExpression"), "rate(5 minutes)");
}

#[test]
fn as_many_workers_run_side_by_side_as_the_parameters_say() {
    let stack = stack();
    for (logical, parameter) in [("Intake", "FilesConcurrency"), ("Push", "PushConcurrency")] {
        let most = at(&stack.root, &format!("/Parameters/{parameter}/Default"));
        let events = at(&function(&stack, logical).properties, "/Events");
        let mut queues = entries(events).filter(|(_, event)| at(event, "/Type") == "SQS");
        let (_, queue) = queues.next().unwrap();
        let given = at(queue, "/Properties/ScalingConfig/MaximumConcurrency");
        let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
        assert_eq!(number(given), number(most), "{logical}");
    }
}

#[test]
fn archived_files_cool_and_are_forgotten_and_failed_ones_are_kept_for_a_while() {
    let stack = stack();
    let rules: Vec<&Value> = stack
        .of_kind("AWS::S3::Bucket")
        .filter_map(|bucket| at(&bucket.properties, "/LifecycleConfiguration/Rules").as_array())
        .flatten()
        .collect();
    let of = |prefix: &str| rules.iter().find(|rule| at(rule, "/Prefix") == prefix).unwrap();
    let archive = of("archive/");
    assert_eq!(at(archive, "/Transitions/0/TransitionInDays"), 30);
    assert!(at(archive, "/ExpirationInDays").as_u64() >= Some(395));
    for prefix in ["failed/", "inbox/", "reports/"] {
        assert!(at(of(prefix), "/ExpirationInDays").as_u64() >= Some(90), "{prefix}");
    }
}

#[test]
fn all_that_lies_somewhere_is_under_our_key_and_queues_take_nothing_in_plain() {
    let stack = stack();
    let refused: Vec<String> = stack
        .of_kind("AWS::SQS::QueuePolicy")
        .filter(|policy| {
            let statements = at(&policy.properties, "/PolicyDocument/Statement").as_array();
            statements.into_iter().flatten().any(|statement| {
                at(statement, "/Effect") == "Deny"
                    && at(statement, "/Condition/Bool/aws:SecureTransport") == "false"
            })
        })
        .flat_map(|policy| texts(at(&policy.properties, "/Queues")))
        .collect();
    for queue in stack.of_kind("AWS::SQS::Queue") {
        let key = at(&queue.properties, "/KmsMasterKeyId");
        assert!(key.as_str().is_some_and(|key| !key.starts_with("alias/aws")), "{}", queue.logical);
        let is_refused = refused.iter().any(|url| url.ends_with(&queue.name));
        assert!(is_refused, "{} takes plain HTTP", queue.logical);
    }
    // The bucket that takes S3's own logs holds no records; S3 writes there under its own keys.
    let has_data =
        |bucket: &&Resource| !at(&bucket.properties, "/NotificationConfiguration").is_null();
    let lake = stack.of_kind("AWS::S3::Bucket").find(has_data).unwrap();
    let rules = "/BucketEncryption/ServerSideEncryptionConfiguration/0";
    let how = format!("{rules}/ServerSideEncryptionByDefault/SSEAlgorithm");
    assert_eq!(at(&lake.properties, &how), "aws:kms");
}

#[test]
fn tables_are_paid_by_request_and_so_grow_with_their_load() {
    let stack = stack();
    for table in stack.of_kind("AWS::DynamoDB::Table") {
        assert_eq!(at(&table.properties, "/BillingMode"), "PAY_PER_REQUEST", "{}", table.logical);
    }
}

#[test]
fn an_sftp_server_of_several_zones_is_an_option() {
    let stack = stack();
    assert_eq!(at(&stack.root, "/Parameters/TransferServer/Default"), "no");
    let server = stack.of_kind("AWS::Transfer::Server").next().unwrap();
    assert_eq!(at(&server.properties, "/EndpointType"), "PUBLIC", "these stand in several zones");
    assert_eq!(at(&server.properties, "/Protocols/0"), "SFTP");
}

#[test]
fn strangers_have_one_front_which_is_throttled() {
    let stack = stack();
    let fronts: Vec<&Resource> = stack.of_kind("AWS::Serverless::HttpApi").collect();
    let [front] = fronts.as_slice() else { panic!("{} fronts", fronts.len()) };
    let most = at(&front.properties, "/DefaultRouteSettings/ThrottlingRateLimit");
    assert!(most.is_number(), "{most}");
}

#[test]
fn the_dashboard_shows_rate_latency_and_errors_of_files_and_pushes() {
    let stack = stack();
    let mut shown = Vec::new();
    for board in stack.of_kind("AWS::CloudWatch::Dashboard") {
        let widgets = at(&board.properties, "/DashboardBody/Fn::ToJsonString/widgets");
        for widget in widgets.as_array().unwrap() {
            shown.extend(texts(at(widget, "/properties/metrics")));
        }
    }
    for metric in [
        "FilesAccepted",
        "FilesRejected",
        "RecordsPushed",
        "CodesUnknown",
        "FilesUnpushed",
        "Duration",
        "Errors",
        "ReportsMade",
    ] {
        assert!(shown.iter().any(|name| name == metric), "{metric}");
    }
}
