//! Sources: Airbyte declarative manifests, interpreted.
