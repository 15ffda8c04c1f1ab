//! Whose files, and of which days: what commands about files and pushes have in common.

use std::sync::Arc;

use handlers::report::{Deps, Error, facts};
use host::SystemClock;
use lake::delivery::{Day, FileDigest};
use model::TenantId;
use ports::Clock;

use crate::args::Places;
use crate::failure::Failure;
use crate::stack::Stack;
use crate::world::World;

/// Days that are looked at when nobody says since when: today and those before it.
const DAYS: usize = 7;

/// Whose files, and of which days.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Period {
    /// Of this tenant; of all when left out.
    #[arg(long)]
    pub(crate) tenant: Option<TenantId>,

    /// Files that were decided on from this day on (UTC), such as 2026-01-31; those of the last
    /// seven days when left out.
    #[arg(long, value_name = "DAY")]
    pub(crate) since: Option<Day>,
}

/// The facts of a period.
pub(crate) struct Facts {
    pub(crate) deps: Deps,
    pub(crate) tenants: Vec<TenantId>,
    pub(crate) days: Vec<Day>,
}

impl Period {
    /// Opens the facts of this machine's lake, or of a stack's.
    pub(crate) async fn open(
        &self,
        places: &Places,
        stack: Option<&str>,
    ) -> Result<Facts, Failure> {
        let deps = deps(places, stack).await?;
        self.of(deps).await
    }

    /// The facts of a lake.
    pub(crate) async fn of(&self, deps: Deps) -> Result<Facts, Failure> {
        let today = Day::from(SystemClock.now());
        let since = self.since.unwrap_or_else(|| (1..DAYS).fold(today, |day, _| day.before()));
        let days = facts::days(since, today)?;
        if let Some(tenant) = &self.tenant {
            deps.configuration.tenant(tenant).await?;
        }
        let tenants = deps.tenants(self.tenant.as_ref()).await?;
        Ok(Facts { deps, tenants, days })
    }
}

impl Facts {
    /// Each tenant with each day.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&TenantId, Day)> {
        self.tenants.iter().flat_map(|tenant| self.days.iter().map(move |day| (tenant, *day)))
    }
}

/// Shortest beginning of an id that names a file.
const SHORTEST_ID: usize = 6;

/// Whether a file is the one that a person names: by its path or its name, or by its id or the
/// beginning of that.
pub(crate) fn is_named(wanted: &str, path: &str, id: Option<&FileDigest>) -> bool {
    let is_id = |id: &FileDigest| wanted.len() >= SHORTEST_ID && id.as_str().starts_with(wanted);
    path == wanted || path.rsplit('/').next() == Some(wanted) || id.is_some_and(is_id)
}

/// What facts are read with.
pub(crate) async fn deps(places: &Places, stack: Option<&str>) -> Result<Deps, Failure> {
    if let Some(name) = stack {
        let stack = Stack::open(name).await?;
        return Ok(Deps { configuration: stack.configuration, lake: stack.lake });
    }
    let world = World::open(places).await?;
    Ok(here(&world))
}

/// The facts of this machine.
pub(crate) fn here(world: &World) -> Deps {
    Deps { configuration: Arc::clone(&world.configuration), lake: Arc::clone(&world.lake) }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Days => Self::Input(error.to_string()),
            Error::Configuration(error) => error.into(),
            error => Self::of("what became of files cannot be read", error),
        }
    }
}
