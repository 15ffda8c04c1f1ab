//! The tables of the CRM's books.

/// Made when the books are opened.
pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS customer (
        number INTEGER PRIMARY KEY, tenant TEXT NOT NULL, external_id TEXT NOT NULL,
        email TEXT, mobile TEXT, erased INTEGER NOT NULL, body TEXT NOT NULL,
        UNIQUE (tenant, external_id));
    CREATE INDEX IF NOT EXISTS customer_email ON customer (tenant, email)
        WHERE email IS NOT NULL;
    CREATE INDEX IF NOT EXISTS customer_mobile ON customer (tenant, mobile)
        WHERE mobile IS NOT NULL;
    CREATE TABLE IF NOT EXISTS trx (
        number INTEGER PRIMARY KEY, tenant TEXT NOT NULL, trx_id TEXT NOT NULL,
        bill TEXT NOT NULL, body TEXT NOT NULL,
        UNIQUE (tenant, trx_id), UNIQUE (tenant, bill));
    CREATE TABLE IF NOT EXISTS carried (
        tenant TEXT NOT NULL, operation TEXT NOT NULL, entity TEXT NOT NULL,
        calls INTEGER NOT NULL, status INTEGER NOT NULL,
        PRIMARY KEY (tenant, operation, entity)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS answer (
        tenant TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL,
        at INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (tenant, key)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS answer_at ON answer (at);
";

/// Empties all tables for one tenant (`?1`), or for all (`?1` null).
pub(super) const EMPTY: [&str; 4] = [
    "DELETE FROM customer WHERE ?1 IS NULL OR tenant = ?1",
    "DELETE FROM trx WHERE ?1 IS NULL OR tenant = ?1",
    "DELETE FROM carried WHERE ?1 IS NULL OR tenant = ?1",
    "DELETE FROM answer WHERE ?1 IS NULL OR tenant = ?1",
];
