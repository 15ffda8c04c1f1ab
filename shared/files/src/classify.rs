//! What a file holds: by its name, else by its header, else by its tags.

use std::collections::BTreeMap;

use crate::feed::{Feed, Kind};
use crate::name::NameFacts;

/// The kind that a file's name tells.
pub(crate) fn by_name<'f>(feed: &'f Feed, facts: &NameFacts) -> Option<&'f Kind> {
    let entity = facts.entity.as_deref()?;
    let means = |kind: &&Kind| kind.entities.iter().any(|name| name.eq_ignore_ascii_case(entity));
    feed.kinds.iter().find(means)
}

/// The kind whose columns a header has; none where it has those of two.
pub(crate) fn by_columns<'f>(feed: &'f Feed, header: &[String]) -> Option<&'f Kind> {
    let has = |name: &String| header.iter().any(|column| column.eq_ignore_ascii_case(name));
    let fits = |kind: &&Kind| !kind.columns.is_empty() && kind.columns.iter().all(has);
    let mut fitting = feed.kinds.iter().filter(fits);
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

/// The kind that tags, or the fields of a control file, tell.
pub(crate) fn by_tags<'f>(feed: &'f Feed, tags: &BTreeMap<String, String>) -> Option<&'f Kind> {
    let says = |(name, value): (&String, &String)| {
        tags.get(name).is_some_and(|found| found.eq_ignore_ascii_case(value))
    };
    let means = |kind: &&Kind| !kind.tags.is_empty() && kind.tags.iter().all(says);
    feed.kinds.iter().find(means)
}
