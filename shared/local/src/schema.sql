CREATE TABLE item (
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    version TEXT NOT NULL,
    body TEXT NOT NULL,
    expires INTEGER,
    PRIMARY KEY (partition, sort)
);
CREATE INDEX item_expires ON item (expires) WHERE expires IS NOT NULL;

CREATE TABLE counter (
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (partition, sort)
);

CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    fair_group TEXT NOT NULL,
    body TEXT NOT NULL,
    attributes TEXT NOT NULL,
    visible INTEGER NOT NULL,
    not_before INTEGER,
    receives INTEGER NOT NULL
);
CREATE INDEX message_visible ON message (queue, visible);

CREATE TABLE schedule (
    name TEXT PRIMARY KEY,
    definition TEXT NOT NULL,
    nominal INTEGER,
    due INTEGER,
    claimed INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE notification (
    queue TEXT NOT NULL,
    definition TEXT NOT NULL,
    PRIMARY KEY (queue, definition)
);

CREATE TABLE pending_event (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket TEXT NOT NULL,
    object_key TEXT NOT NULL,
    name TEXT NOT NULL,
    started INTEGER NOT NULL
);
