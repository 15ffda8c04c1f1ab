//! Schedules in a map.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use ports::{Schedule, Scheduler, SchedulerError, check_schedule};

use crate::clock::locked;

/// A [`Scheduler`] in memory. It keeps schedules and fires none.
#[derive(Debug, Default)]
pub struct MemoryScheduler(Mutex<BTreeMap<String, Schedule>>);

#[async_trait]
impl Scheduler for MemoryScheduler {
    async fn put(&self, schedule: &Schedule) -> Result<(), SchedulerError> {
        check_schedule(schedule)?;
        locked(&self.0).insert(schedule.name.clone(), schedule.clone());
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), SchedulerError> {
        locked(&self.0).remove(name);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Schedule>, SchedulerError> {
        let schedules = locked(&self.0);
        Ok(schedules.values().filter(|each| each.name.starts_with(prefix)).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    crate::scheduler_contract!(Box::new(super::MemoryScheduler::default()));
}
