//! Adapters on the file system and SQLite: objects, tables, queues, events, schedules.
