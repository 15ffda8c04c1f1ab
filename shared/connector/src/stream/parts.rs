//! Parts of a stream, and what does not go together.

use std::sync::Arc;

use model::StreamName;
use model::config::PageRule;
use request::decoder::{Decoder, Paging};
use request::interpolation::Context;

use crate::cursor::Cursor;
use crate::paginator::Paginator;
use crate::part::{BuildError, Part};
use crate::partition_router::Router;
use crate::record_selector::Extractor;
use crate::retriever::job;
use crate::source::Shared;

/// How the answers of a retriever are read.
pub(super) fn reading(
    retriever: &Part<'_>,
    selector: &Part<'_>,
    shared: &Arc<Shared>,
) -> Result<(Decoder, Extractor), BuildError> {
    let extractor = Extractor::build(&selector.needed("extractor")?, shared)?;
    Ok((job::decoder(retriever, "decoder")?, extractor))
}

/// How pages follow each other, and where the overlay has them end.
pub(super) fn paginator(
    retriever: &Part<'_>,
    field: &str,
    pages: Option<PageRule>,
    context: &Context<'_>,
) -> Result<Paginator, BuildError> {
    let built = retriever.child(field).map(|part| Paginator::build(&part, context)).transpose()?;
    let ending = built.unwrap_or_else(Paginator::none).ending(pages);
    ending.map_err(|message| retriever.fault(message))
}

/// Refuses what would lose records: a paginator that cannot read the answers, or counts more
/// records than the source does; several extractors over an answer that is read once.
pub(super) fn fits(
    decoder: &Decoder,
    paginator: &Paginator,
    extractor: &Extractor,
) -> Result<(), String> {
    let kind = decoder.name();
    if extractor.combines() && decoder.streams() {
        return Err(format!("a CombinedExtractor cannot read answers through a {kind}"));
    }
    if extractor.unites() && paginator.counts_records() {
        return Err("an OffsetIncrement cannot count what a union of extractors finds".to_owned());
    }
    match decoder.paging() {
        Paging::None if !paginator.is_none() => {
            Err(format!("answers that a {kind} reads have no pages; use NoPagination"))
        }
        Paging::Blind if paginator.reads("response").is_some() => {
            Err(format!("`response` is not known to a paginator where a {kind} reads the answers"))
        }
        _ => Ok(()),
    }
}

/// The cursor of a stream, if it has one.
pub(super) fn cursor(
    stream: &Part<'_>,
    name: &StreamName,
    router: Option<&Router>,
    shared: &Shared,
) -> Result<Option<Cursor>, BuildError> {
    let Some(sync) = stream.child("incremental_sync") else { return Ok(None) };
    let overlay = shared.overlay.stream(name);
    let zone = shared.zone(stream)?;
    let chosen = shared.catalog.cursor_field(name.as_str());
    let mut cursor = Cursor::build(&sync, &shared.context(), (&overlay, zone), chosen)?;
    if let (Cursor::Datetime(cursor), Some(Router::Group(_))) = (&mut cursor, router) {
        // The groups of another day are others: none has a state of its own.
        cursor.global = true;
    }
    Ok(Some(cursor))
}

/// Whether the catalogue may name another cursor field.
pub(super) fn is_chosen(sync: &Part<'_>) -> bool {
    sync.flag("allow_catalog_defined_cursor_field") == Ok(true)
}

/// Whether parent records hold first pages; refuses what cannot go with that.
pub(super) fn reads_lazily(
    router: Option<&Router>,
    retriever: &Part<'_>,
    sync: Option<&Part<'_>>,
) -> Result<bool, BuildError> {
    if !router.is_some_and(Router::reads_lazily) {
        return Ok(false);
    }
    if let Some(sync) = sync
        && (sync.child("step").is_some() || sync.child("cursor_granularity").is_some())
    {
        return Err(sync.fault("`lazy_read_pointer` needs one slice a parent: no `step`".into()));
    }
    for field in ["page_size_reduction", "request_window_splitting"] {
        if retriever.child(field).is_some() {
            let message = format!("`{field}` cannot go with a parent's `lazy_read_pointer`");
            return Err(retriever.fault(message));
        }
    }
    match retriever.child("decoder") {
        Some(decoder) if decoder.kind() != "JsonDecoder" => {
            Err(decoder.fault("`lazy_read_pointer` needs a JsonDecoder".into()))
        }
        _ => Ok(true),
    }
}
