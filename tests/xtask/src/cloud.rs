//! The emulated cloud: where its services answer, and the making of resources in it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Fault;
use crate::template::{Resource, Stack, at, entries};
use crate::wire::{Call, call, json};

pub use crate::template::{ACCOUNT, REGION};

/// Where the emulated services answer: `http://127.0.0.1:port` each.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cloud {
    /// S3, Secrets Manager, Scheduler and Athena.
    pub moto: String,
    /// DynamoDB.
    pub dynamodb: String,
    /// SQS.
    pub sqs: String,
}

impl Cloud {
    /// The variables by which Headwater's own code and any AWS SDK find the services.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_ENDPOINT_URL_S3", self.moto.clone()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.moto.clone()),
            ("AWS_ENDPOINT_URL_SCHEDULER", self.moto.clone()),
            ("AWS_ENDPOINT_URL_ATHENA", self.moto.clone()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.clone()),
            ("AWS_ENDPOINT_URL_SQS", self.sqs.clone()),
        ]
    }

    /// Makes a bucket.
    pub fn bucket(&self, name: &str) -> Result<(), Fault> {
        let body = format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
        );
        let path = format!("/{name}");
        let (service, target) = ("s3", None);
        let put = Call { service, endpoint: &self.moto, method: "PUT", path, target, body };
        call(&put, REGION).map(drop)
    }

    /// Makes a table with the string keys `pk` and `sk`.
    pub fn table(&self, name: &str) -> Result<(), Fault> {
        let definition = |key: &str| json!({"AttributeName": key, "AttributeType": "S"});
        let role = |key: &str, role: &str| json!({"AttributeName": key, "KeyType": role});
        let body = json!({
            "TableName": name,
            "AttributeDefinitions": [definition("pk"), definition("sk")],
            "KeySchema": [role("pk", "HASH"), role("sk", "RANGE")],
            "BillingMode": "PAY_PER_REQUEST",
        });
        speak("dynamodb", &self.dynamodb, "DynamoDB_20120810.CreateTable", &body).map(drop)
    }

    /// Makes a queue; gives its URL.
    pub fn queue(&self, name: &str, attributes: &Value) -> Result<String, Fault> {
        let body = json!({"QueueName": name, "Attributes": attributes});
        let made = speak("sqs", &self.sqs, "AmazonSQS.CreateQueue", &body)?;
        Ok(at(&made, "/QueueUrl").as_str().unwrap_or_default().to_owned())
    }

    /// Makes a queue whose messages go to a dead-letter queue after so many deliveries; gives
    /// both URLs.
    pub fn queue_pair(&self, name: &str, deliveries: u32) -> Result<(String, String), Fault> {
        let dead = format!("{name}-dead");
        let dead_url = self.queue(&dead, &json!({}))?;
        let redrive =
            json!({"deadLetterTargetArn": queue_arn(&dead), "maxReceiveCount": deliveries});
        let url = self.queue(name, &json!({"RedrivePolicy": redrive.to_string()}))?;
        Ok((url, dead_url))
    }

    /// Keeps a secret.
    pub fn secret(&self, name: &str, value: &str) -> Result<(), Fault> {
        let body =
            json!({"Name": name, "SecretString": value, "ClientRequestToken": "0".repeat(32)});
        speak("secretsmanager", &self.moto, "secretsmanager.CreateSecret", &body).map(drop)
    }

    /// Makes a schedule group.
    pub fn schedule_group(&self, name: &str) -> Result<(), Fault> {
        let post = Call {
            service: "scheduler",
            endpoint: &self.moto,
            method: "POST",
            path: format!("/schedule-groups/{name}"),
            target: None,
            body: "{}".to_owned(),
        };
        call(&post, REGION).map(drop)
    }

    /// Makes a workgroup of Athena.
    pub fn workgroup(&self, name: &str) -> Result<(), Fault> {
        let body = json!({"Name": name, "Configuration": {}});
        speak("athena", &self.moto, "AmazonAthena.CreateWorkGroup", &body).map(drop)
    }

    /// Says what the next statement of Athena gives whose result nobody asked for yet: names and
    /// types of columns, and rows, the headings first.
    pub fn next_result(&self, columns: &[(&str, &str)], rows: &[Vec<&str>]) -> Result<(), Fault> {
        let column = |(name, kind): &(&str, &str)| json!({"Name": name, "Type": kind});
        let datum = |text: &&str| json!({"VarCharValue": text});
        let row = |row: &Vec<&str>| json!({"Data": row.iter().map(datum).collect::<Vec<_>>()});
        let result = json!({
            "rows": rows.iter().map(row).collect::<Vec<_>>(),
            "column_info": columns.iter().map(column).collect::<Vec<_>>(),
        });
        let post = Call {
            service: "athena",
            endpoint: &self.moto,
            method: "POST",
            path: "/moto-api/static/athena/query-results".to_owned(),
            target: None,
            body: json!({"region": REGION, "results": [result]}).to_string(),
        };
        call(&post, REGION).map(drop)
    }

    /// Makes the buckets, tables, queues and schedule groups of the templates.
    pub fn provide(&self, stack: &Stack) -> Result<(), Fault> {
        for bucket in stack.of_kind("AWS::S3::Bucket") {
            self.bucket(&bucket.name)?;
        }
        for table in stack.of_kind("AWS::DynamoDB::Table") {
            self.table(&table.name)?;
        }
        for group in stack.of_kind("AWS::Scheduler::ScheduleGroup") {
            self.schedule_group(&group.name)?;
        }
        // Dead-letter queues first: the others name them.
        let (plain, redriven): (Vec<_>, Vec<_>) = stack
            .of_kind("AWS::SQS::Queue")
            .partition(|queue| at(&queue.properties, "/RedrivePolicy").is_null());
        for queue in plain.into_iter().chain(redriven) {
            self.queue(&queue.name, &queue_attributes(queue))?;
        }
        Ok(())
    }

    /// The URL of a queue of the templates.
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.sqs)
    }

    /// A function's variables: those of the templates, with queues' URLs where they name queues,
    /// and those that lead to this cloud.
    pub fn environment(&self, stack: &Stack, function: &str) -> Vec<(String, String)> {
        let queues: Vec<&str> =
            stack.of_kind("AWS::SQS::Queue").map(|queue| queue.name.as_str()).collect();
        let own = stack.environments.get(function).into_iter().flatten().map(|(name, value)| {
            let url = queues.contains(&value.as_str()).then(|| self.queue_url(value));
            (name.clone(), url.unwrap_or_else(|| value.clone()))
        });
        let common = self.variables().into_iter().map(|(name, value)| (name.to_owned(), value));
        own.chain(common).collect()
    }
}

/// A call to a service that speaks JSON.
fn speak(
    service: &'static str,
    endpoint: &str,
    target: &'static str,
    body: &Value,
) -> Result<Value, Fault> {
    let (method, path) = ("POST", "/".to_owned());
    let body = body.to_string();
    let answer =
        call(&Call { service, endpoint, method, path, target: Some(target), body }, REGION)?;
    json(service, &answer)
}

/// The ARN of an emulated queue.
fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// A queue's attributes as `CreateQueue` takes them: all texts. ElasticMQ knows these.
fn queue_attributes(queue: &Resource) -> Value {
    const KNOWN: [&str; 4] = [
        "VisibilityTimeout",
        "MessageRetentionPeriod",
        "ReceiveMessageWaitTimeSeconds",
        "RedrivePolicy",
    ];
    let known = entries(&queue.properties).filter(|(name, _)| KNOWN.contains(name));
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    known.map(|(name, value)| (name.to_owned(), Value::String(text(value)))).collect()
}

/// Lines for a shell to evaluate.
pub fn exports(variables: &[(String, String)]) -> String {
    let mut lines = String::new();
    for (name, value) in variables {
        let quoted = value.replace('\'', "'\\''");
        // Writing to a text cannot fail.
        let _written = writeln!(lines, "export {name}='{quoted}'").is_ok();
    }
    lines
}
