//! Items in one DynamoDB table: `pk`, `sk`, `v` (version), `b` (body), `u` (expiry, nanoseconds),
//! `x` (expiry, whole seconds rounded up: the table's TTL attribute), `n` (counters).

mod condition;
mod item;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, Put, ReturnValue,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use ports::{
    Clock, Direction, Expect, Item, Key, Page, Query, Table, TableError, Version, Write, WriteId,
    check_key, check_query, check_writes,
};

use crate::config::Aws;
use crate::error::{Meaning, failure};
use condition::{Condition, demand};
use item::{Attributes, counter_key, live, read, stored, stored_key};

/// Attempts at a transaction that meets others under way at the same items.
const ATTEMPTS: u32 = 4;

/// First wait before trying such a transaction again; each next one is twice as long.
const PAUSE: Duration = Duration::from_millis(25);

/// A table with the string keys `pk` and `sk`.
#[derive(Debug, Clone)]
pub struct DynamoTable {
    aws: Arc<Aws>,
    table: String,
    clock: Arc<dyn Clock>,
}

/// How a write ended that DynamoDB did not simply take.
enum Outcome {
    /// A demand was not met: by which write, and what stands there.
    Unmet(Key, Option<Attributes>),
    /// Another transaction is at work on one of the items.
    Busy,
    /// Anything else.
    Failed(TableError),
}

impl DynamoTable {
    /// The table of this name; `clock` judges what has expired.
    pub fn new(aws: Arc<Aws>, table: String, clock: Arc<dyn Clock>) -> Self {
        Self { aws, table, clock }
    }

    async fn stored(&self, key: Attributes) -> Result<Option<Attributes>, TableError> {
        let get = self.aws.dynamodb().get_item().table_name(&self.table).consistent_read(true);
        Ok(get.set_key(Some(key)).send().await.map_err(failed)?.item)
    }

    async fn attempt(&self, writes: &[Write], write: &WriteId) -> Result<(), Outcome> {
        match writes {
            [one @ Write::Put { .. }] => self.put(one, write).await,
            [one @ Write::Delete { .. }] => self.delete(one).await,
            _ => self.all(writes, write).await,
        }
    }

    async fn put(&self, one: &Write, write: &WriteId) -> Result<(), Outcome> {
        let (condition, values) = parts(demand(one, self.clock.now()));
        let call = self
            .aws
            .dynamodb()
            .put_item()
            .table_name(&self.table)
            .set_item(Some(stored(one, write)))
            .set_condition_expression(condition)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = call.send().await else { return Ok(()) };
        if let Some(PutItemError::ConditionalCheckFailedException(unmet)) = error.as_service_error()
        {
            return Err(Outcome::Unmet(one.key().clone(), unmet.item.clone()));
        }
        Err(outcome(error))
    }

    async fn delete(&self, one: &Write) -> Result<(), Outcome> {
        let (condition, values) = parts(demand(one, self.clock.now()));
        let call = self
            .aws
            .dynamodb()
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(stored_key(one.key())))
            .set_condition_expression(condition)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = call.send().await else { return Ok(()) };
        if let Some(DeleteItemError::ConditionalCheckFailedException(unmet)) =
            error.as_service_error()
        {
            return Err(Outcome::Unmet(one.key().clone(), unmet.item.clone()));
        }
        Err(outcome(error))
    }

    /// A transaction. The SDK gives each call a `ClientRequestToken` of its own, so that its own
    /// repeats are harmless; repeats by our callers are recognised by their write id, which lasts
    /// longer than the ten minutes for which DynamoDB remembers tokens.
    async fn all(&self, writes: &[Write], write: &WriteId) -> Result<(), Outcome> {
        let acting: Vec<&Write> = writes.iter().filter(|one| acts(one)).collect();
        if acting.is_empty() {
            return Ok(());
        }
        let mut call = self.aws.dynamodb().transact_write_items();
        for one in &acting {
            call = call.transact_items(self.action(one, write).map_err(Outcome::Failed)?);
        }
        let Err(error) = call.send().await else { return Ok(()) };
        if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.as_service_error()
        {
            return Err(why(&acting, cancelled.cancellation_reasons()));
        }
        Err(outcome(error))
    }

    fn action(&self, one: &Write, write: &WriteId) -> Result<TransactWriteItem, TableError> {
        let (condition, values) = parts(demand(one, self.clock.now()));
        let old = ReturnValuesOnConditionCheckFailure::AllOld;
        let action = TransactWriteItem::builder();
        let action = match one {
            Write::Put { .. } => {
                let put = Put::builder().table_name(&self.table).set_item(Some(stored(one, write)));
                let put = put.set_condition_expression(condition);
                let put = put.set_expression_attribute_values(values);
                action.put(
                    put.return_values_on_condition_check_failure(old)
                        .build()
                        .map_err(|error| wrong(&error))?,
                )
            }
            Write::Delete { key, .. } => {
                let delete = Delete::builder().table_name(&self.table);
                let delete = delete.set_key(Some(stored_key(key)));
                let delete = delete.set_condition_expression(condition);
                let delete = delete.set_expression_attribute_values(values);
                let delete = delete.return_values_on_condition_check_failure(old);
                action.delete(delete.build().map_err(|error| wrong(&error))?)
            }
            Write::Check { key, .. } => {
                let check = ConditionCheck::builder().table_name(&self.table);
                let check = check.set_key(Some(stored_key(key)));
                let check = check.set_condition_expression(condition);
                let check = check.set_expression_attribute_values(values);
                let check = check.return_values_on_condition_check_failure(old);
                action.condition_check(check.build().map_err(|error| wrong(&error))?)
            }
        };
        Ok(action.build())
    }

    /// Whether writes that are refused now have happened before: every item they put stands
    /// there as this write left it.
    async fn happened(&self, writes: &[Write], write: &WriteId) -> Result<bool, TableError> {
        let mut puts = 0;
        for one in writes.iter().filter(|one| matches!(one, Write::Put { .. })) {
            puts += 1;
            let found = self.stored(stored_key(one.key())).await?;
            if found.and_then(read).is_none_or(|item| item.version.0 != write.0) {
                return Ok(false);
            }
        }
        Ok(puts > 0)
    }

    /// Settles a write whose demand was not met.
    async fn unmet(
        &self,
        writes: &[Write],
        write: &WriteId,
        key: Key,
        standing: Option<Attributes>,
    ) -> Result<Version, TableError> {
        let standing = standing.and_then(read);
        let put = writes.iter().any(|one| matches!(one, Write::Put { .. }) && *one.key() == key);
        let ours = standing.as_ref().is_some_and(|item| item.version.0 == write.0);
        // What the failing put met is somebody else's: no need to look at the other items.
        if (ours || !put) && self.happened(writes, write).await? {
            return Ok(Version(write.0.clone()));
        }
        let current = live(standing, self.clock.now()).map(Box::new);
        Err(TableError::Contended { key, current })
    }
}

#[async_trait]
impl Table for DynamoTable {
    async fn get(&self, key: &Key) -> Result<Option<Item>, TableError> {
        check_key(key)?;
        let found = self.stored(stored_key(key)).await?;
        Ok(live(found.and_then(read), self.clock.now()))
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        check_query(query)?;
        let Some(Condition { text, values }) = condition::range(query) else {
            return Ok(Page::default());
        };
        let call = self
            .aws
            .dynamodb()
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression(text)
            .set_expression_attribute_values(Some(values))
            .scan_index_forward(query.direction == Direction::Forward)
            .set_exclusive_start_key(condition::start(query))
            .limit(i32::try_from(query.limit).unwrap_or(i32::MAX));
        let found = call.send().await.map_err(failed)?;
        let now = self.clock.now();
        let items = found.items.unwrap_or_default().into_iter();
        let items = items.filter_map(|item| live(read(item), now)).collect();
        let next = found.last_evaluated_key.and_then(|mut key| match key.remove("sk") {
            Some(AttributeValue::S(sort)) => Some(sort),
            _ => None,
        });
        Ok(Page { items, next })
    }

    async fn transact(&self, writes: &[Write], write: &WriteId) -> Result<Version, TableError> {
        check_writes(writes, write)?;
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            match self.attempt(writes, write).await {
                Ok(()) => return Ok(Version(write.0.clone())),
                Err(Outcome::Unmet(key, item)) => {
                    return self.unmet(writes, write, key, item).await;
                }
                Err(Outcome::Failed(error)) => return Err(error),
                Err(Outcome::Busy) => self.clock.sleep(pause).await,
            }
            pause *= 2;
        }
        Err(TableError::Throttled)
    }

    async fn add(&self, key: &Key, amount: i64) -> Result<i64, TableError> {
        check_key(key)?;
        let call = self
            .aws
            .dynamodb()
            .update_item()
            .table_name(&self.table)
            .set_key(Some(counter_key(key)))
            .update_expression("ADD n :n")
            .expression_attribute_values(":n", AttributeValue::N(amount.to_string()))
            .return_values(ReturnValue::UpdatedNew);
        let sum = call.send().await.map_err(failed)?.attributes.unwrap_or_default();
        match sum.get("n") {
            Some(AttributeValue::N(sum)) => {
                sum.parse().map_err(|_| TableError::Refused { reason: format!("counter at {sum}") })
            }
            _ => Err(TableError::Unavailable { source: "no sum came back".into() }),
        }
    }
}

/// Whether a write does anything at all: a check that demands nothing does not.
fn acts(write: &Write) -> bool {
    !matches!(write, Write::Check { expect: Expect::Any, .. })
}

/// Why a transaction was cancelled: the reasons stand in the order of its writes.
fn why(writes: &[&Write], reasons: &[CancellationReason]) -> Outcome {
    let mut busy = false;
    let mut other = None;
    for (write, reason) in writes.iter().zip(reasons) {
        match reason.code.as_deref() {
            Some("ConditionalCheckFailed") => {
                return Outcome::Unmet(write.key().clone(), reason.item.clone());
            }
            Some("TransactionConflict") => busy = true,
            None | Some("None") => {}
            Some("ThrottlingError" | "ProvisionedThroughputExceeded" | "RequestLimitExceeded") => {
                other = Some(TableError::Throttled);
            }
            Some(code) => {
                let reason = format!("{code}: {}", reason.message().unwrap_or_default());
                other = Some(TableError::Refused { reason });
            }
        }
    }
    match other {
        Some(error) => Outcome::Failed(error),
        None if busy => Outcome::Busy,
        None => Outcome::Failed(TableError::Unavailable { source: "cancelled".into() }),
    }
}

fn parts(demand: Option<Condition>) -> (Option<String>, Option<HashMap<String, AttributeValue>>) {
    match demand {
        Some(Condition { text, values }) => {
            (Some(text.to_owned()), Some(values).filter(|values| !values.is_empty()))
        }
        None => (None, None),
    }
}

fn outcome<E>(error: SdkError<E, HttpResponse>) -> Outcome
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match error.code() {
        Some("TransactionConflictException" | "TransactionInProgressException") => Outcome::Busy,
        _ => Outcome::Failed(failed(error)),
    }
}

fn failed<E>(error: SdkError<E, HttpResponse>) -> TableError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let failure = failure(error);
    match failure.meaning {
        Meaning::Throttled => TableError::Throttled,
        Meaning::Unavailable => TableError::Unavailable { source: failure.source },
        Meaning::Refused => TableError::Refused { reason: failure.reason() },
    }
}

fn wrong(error: &aws_sdk_dynamodb::error::BuildError) -> TableError {
    TableError::Refused { reason: error.to_string() }
}
