//! What tells the records of a stream apart.

use lake::Attempt;
use normalize::{Cell, Model, Row};

use crate::configuration::{Configuration, Error};

/// Paths of the primary key of a commit's stream: as its tenant says, else as its source's
/// manifest does. None where neither does, or where nothing is configured any more.
pub(super) async fn primary_key(
    configuration: &Configuration,
    attempt: &Attempt,
) -> Result<Vec<Vec<String>>, Error> {
    let tenant = match configuration.tenant(&attempt.tenant).await {
        Ok(tenant) => Some(tenant),
        Err(Error::Unknown { .. }) => None,
        Err(error) => return Err(error),
    };
    let connection = tenant.as_ref().and_then(|t| t.connections.get(&attempt.connection));
    let said = connection.and_then(|c| c.streams.config(&attempt.stream)?.primary_key);
    if let Some(key) = said {
        return Ok(key);
    }
    let outlines = match configuration.outlines(&attempt.source).await {
        Ok(outlines) => outlines,
        Err(Error::Unknown { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let outline = outlines.into_iter().find(|outline| outline.name == attempt.stream);
    Ok(outline.map(|outline| outline.primary_key).unwrap_or_default())
}

/// What tells a row of a record apart that has no key of its own: the fields that identify rows of
/// the model.
pub(super) fn own_key(model: &Model, row: &Row<'_>) -> String {
    let fields = model.key.iter().filter_map(|number| {
        let (field, cell) = (model.fields.get(*number)?, row.cells.get(*number)?);
        Some((field.name.as_str(), cell))
    });
    let mut out = b"={".to_vec();
    for (name, cell) in fields {
        if out.len() > 2 {
            out.push(b',');
        }
        model::json::string_into(&mut out, name);
        out.push(b':');
        match cell {
            Cell::Text(text) => model::json::string_into(&mut out, text),
            other => model::json::string_into(&mut out, &other.to_string()),
        }
    }
    out.push(b'}');
    String::from_utf8_lossy(&out).into_owned()
}
