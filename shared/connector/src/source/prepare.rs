//! What happens before a source is made: its configuration takes its last form, and its calls are
//! put under the rates that the manifest states.

use std::sync::Arc;

use model::Timestamp;
use request::interpolation::Context;
use request::value::Value;
use serde_json::Value as Json;

use super::{Rates, Runtime};
use crate::api_budget::{self, ApiBudget, Paced};
use crate::config::{self, Normalized, Rules};
use crate::error::Error;
use crate::manifest::Manifest;
use crate::part::BuildError;

impl Manifest {
    /// The configuration as components see it: migrated and transformed.
    pub fn normalized(&self, config: &Json, now: Timestamp) -> Result<Normalized, Error> {
        let rules = Rules::build(&self.spec_component());
        rules.and_then(|rules| rules.apply(config, now)).map_err(fault)
    }

    /// Refuses a configuration that `connection_specification` does not describe once it has its
    /// last form, as the reference's commands do before anything else.
    pub fn describes(&self, config: &Json, now: Timestamp) -> Result<(), Error> {
        config::described(&self.spec(), &self.normalized(config, now)?.config)
    }

    /// The call rates that it states under a configuration, if any.
    pub fn call_rates(&self, config: &Json, now: Timestamp) -> Result<Option<ApiBudget>, Error> {
        let config = self.normalized(config, now)?.config;
        self.rates_under(&config, now)
    }

    fn rates_under(&self, config: &Json, now: Timestamp) -> Result<Option<ApiBudget>, Error> {
        let Some(json) = self.api_budget() else { return Ok(None) };
        let context = Context::new(Value::from(config), now);
        api_budget::of(json, &context).map(Some).map_err(fault)
    }
}

fn fault(source: BuildError) -> Error {
    Error::Config { source }
}

/// Refuses a configuration that the manifest's own validations refuse.
pub(super) fn validated(manifest: &Manifest, config: &Json, now: Timestamp) -> Result<(), Error> {
    let rules = Rules::build(&manifest.spec_component()).map_err(fault)?;
    let config = rules.apply(config, now).map_err(fault)?.config;
    rules.validate(&config, now).map_err(fault)
}

/// The configuration in its last form, and the runtime under the manifest's rates.
pub(super) fn prepared(
    manifest: &Manifest,
    config: &Json,
    mut runtime: Runtime,
    rates: Rates,
) -> Result<(Json, Runtime), Error> {
    let config = manifest.normalized(config, runtime.now)?.config;
    let budget = manifest.rates_under(&config, runtime.now)?;
    if let Some(budget) = budget.filter(|_| rates == Rates::Source) {
        let ports = (Arc::clone(&runtime.http), Arc::clone(&runtime.clock));
        runtime.http = Arc::new(Paced::new(ports, budget, runtime.max_wait));
    }
    Ok((config, runtime))
}
