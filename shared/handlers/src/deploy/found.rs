//! Whose data there is, and since when.

use std::collections::BTreeSet;

use lake::CommitKey;
use lake::ddl::Catalog;
use model::ObjectKey;

use super::{Deps, Error, Place};

/// Where commits stand.
const COMMITS: &str = "commits/";

/// What tables have to know: tenants and connections of the configuration and of the lake (data
/// outlives its tenant's file), and the first month that has data, the present one when none has.
pub(super) async fn catalog(deps: &Deps, place: &Place) -> Result<Catalog, Error> {
    let mut tenants = BTreeSet::new();
    let mut connections = BTreeSet::new();
    for tenant in deps.configuration.tenants().await? {
        let file = deps.configuration.tenant(&tenant).await?;
        connections.extend(file.connections.keys().map(ToString::to_string));
        tenants.insert(tenant.to_string());
    }
    let mut first_month = deps.clock.now().strftime("%Y-%m").to_string();
    let mut after: Option<ObjectKey> = None;
    loop {
        let page = deps.lake.list(COMMITS, after.as_ref(), 1).await?;
        let Some(found) = page.objects.into_iter().next() else { break };
        if let Ok(CommitKey(attempt)) = CommitKey::parse(&found.key) {
            tenants.insert(attempt.tenant.to_string());
            connections.insert(attempt.connection.to_string());
            first_month = first_month.min(attempt.month.to_string());
        }
        // The first commit of a connection's stream is of its first month: on to the next stream.
        let folder = found.key.as_str().split("/month=").next().unwrap_or_default();
        let next = format!("{folder}/month=~").parse().ok();
        after = next.filter(|next| *next > found.key).or(Some(found.key));
    }
    if tenants.is_empty() || connections.is_empty() {
        return Err(Error::Nobody);
    }
    let joined = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(",");
    Ok(Catalog {
        database: place.database.clone(),
        root: place.root.clone(),
        tenants: joined(tenants),
        connections: joined(connections),
        first_month,
    })
}
