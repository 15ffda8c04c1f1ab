//! Views into files.

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::curated::{Tail, rows_of_tail};
use lake::view::{literal, name};
use model::{ObjectKey, TenantId};
use ports::{Meta, ObjectStoreExt, Selection};

use super::manifest::{Column, Copy, File};
use super::{Deps, Error};
use crate::configuration::Relation;

/// Views that are copied at once, of one customer.
const SIDE_BY_SIDE: usize = 4;

/// Files that are counted at once, of one view.
const COUNTED: usize = 8;

/// Bytes that a file's row count is first looked for in: its last ones.
const TAIL: usize = 64 * 1024;

/// Copies views into folders of their own.
pub(super) async fn copy_all(
    deps: &Deps,
    views: &[Relation],
    tenants: &[TenantId],
    folder: &ObjectKey,
) -> Result<Vec<Copy>, Error> {
    let copies = views.iter().map(|view| copy(deps, view, tenants, folder));
    stream::iter(copies).buffered(SIDE_BY_SIDE).try_collect().await
}

async fn copy(
    deps: &Deps,
    view: &Relation,
    tenants: &[TenantId],
    folder: &ObjectKey,
) -> Result<Copy, Error> {
    let folder: ObjectKey = format!("{folder}/{}", view.name).parse()?;
    let failed = |source| Error::Unload { relation: view.name.clone(), source };
    let unloaded = deps.engine.unload(&selection(view, tenants), &folder).await.map_err(failed)?;
    let written = deps.lake.list_all(&format!("{folder}/")).await?;
    let files = written.into_iter().map(|meta| counted(deps, meta));
    let files: Vec<File> = stream::iter(files).buffered(COUNTED).try_collect().await?;
    let column =
        |(name, kind): &(String, String)| Column { name: name.clone(), kind: kind.clone() };
    Ok(Copy {
        name: view.name.clone(),
        columns: view.columns.iter().map(column).collect(),
        rows: files.iter().map(|file| file.rows).sum(),
        bytes: files.iter().map(|file| file.bytes).sum(),
        query: unloaded.query,
        files,
    })
}

/// The rows of a view that are these tenants'. A tenant's name can hold no quote, and is quoted
/// all the same.
pub(super) fn selection(view: &Relation, tenants: &[TenantId]) -> Selection {
    let columns: Vec<String> = view.columns.iter().map(|(column, _)| name(column)).collect();
    let tenants: Vec<String> = tenants.iter().map(|tenant| literal(tenant.as_str())).collect();
    let sql = format!(
        "SELECT {}\nFROM {}\nWHERE {} IN ({})",
        columns.join(", "),
        name(&view.name),
        name("_tenant"),
        tenants.join(", ")
    );
    Selection { sql, columns: view.columns.clone() }
}

/// A file with the rows that it says it has.
async fn counted(deps: &Deps, meta: Meta) -> Result<File, Error> {
    let (key, bytes) = (meta.key, meta.size);
    let mut wanted = TAIL;
    loop {
        let tail = deps.lake.tail(&key, wanted).await?;
        match rows_of_tail(&tail.body, tail.meta.size) {
            Ok(Tail::Rows(rows)) => return Ok(File { key, rows, bytes }),
            Ok(Tail::TooShort { bytes }) => wanted = bytes,
            Err(source) => return Err(Error::File { key, source }),
        }
    }
}
