//! What another revision of a model made of a commit goes when this one has taken it in.

use lake::curated::{CuratedKey, KeyDigest, Layer, Receipt};
use model::ObjectKey;
use ports::ObjectStoreExt;

use super::{Deps, Error};

/// Removes the receipts of other revisions, their quarantine, and their rows where these are of
/// the same version: views tell versions apart, so rows of another one are not shown, and an
/// object that another commit names too keeps them until that is taken in again.
pub(super) async fn retire(deps: &Deps, receipt: &Receipt) -> Result<(), Error> {
    let own = CuratedKey::parse(&receipt.key()?)?;
    remove(deps, &own, |_| true).await?;
    for part in &receipt.parts {
        let Ok(landed) = lake::LandingKey::parse(&part.object) else { continue };
        let made_from = KeyDigest::of(&part.object);
        let of = |layer| CuratedKey {
            layer,
            month: landed.attempt.month,
            made_from: made_from.clone(),
            ..own.clone()
        };
        remove(deps, &of(Layer::Quarantine), |_| true).await?;
        remove(deps, &of(Layer::Curated), |other| other.revision.version == own.revision.version)
            .await?;
    }
    Ok(())
}

/// Removes what other revisions made of the same thing, as far as it is `meant`.
async fn remove(
    deps: &Deps,
    own: &CuratedKey,
    meant: impl Fn(&CuratedKey) -> bool,
) -> Result<(), Error> {
    let key = own.render()?;
    let name = key.as_str().find(&format!("{}.", own.made_from));
    let prefix = name.and_then(|at| key.as_str().get(..at)).unwrap_or(key.as_str());
    let prefix = format!("{prefix}{}.", own.made_from);
    let others: Vec<ObjectKey> = deps
        .lake
        .list_all(&prefix)
        .await?
        .into_iter()
        .map(|meta| meta.key)
        .filter(|other| {
            CuratedKey::parse(other).is_ok_and(|o| o.revision != own.revision && meant(&o))
        })
        .collect();
    for other in others {
        deps.lake.delete(&other).await?;
    }
    Ok(())
}
