//! The rows behind the providers: seeded, kept in one file, older than any process.

mod mutation;
mod populous;
mod rows;
mod seeding;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use model::{Classify, Retry};
use ports::Clock;
use rusqlite::{Connection, OptionalExtension, params};

use crate::account::{Account, Stream, Weight};
use crate::generate::Population;
use crate::tick::Tick;

pub use mutation::Change;
pub(crate) use rows::{Filter, Row, Sort};

/// What everything in a world is drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

/// How much a new world holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Orders of a large merchant; its other streams follow in proportion.
    pub large: u32,
    /// Orders, or invoices, of a small one.
    pub small: u32,
    /// Plants per facility.
    pub plants: u32,
    /// Machines beside the eight that are always there; each is seen by two vendors.
    pub machines: u32,
    /// Serve this many orders for the large merchant, computed and never stored.
    pub computed_orders: Option<u32>,
}

impl Size {
    /// Enough to see, little enough to pull in seconds.
    pub const fn demo() -> Self {
        Self { large: 3_000, small: 300, plants: 150, machines: 0, computed_orders: None }
    }

    /// For tests.
    pub const fn tiny() -> Self {
        Self { large: 120, small: 40, plants: 30, machines: 0, computed_orders: None }
    }

    /// This many machines; everything else as in [`Size::tiny`].
    pub const fn machines(machines: u32) -> Self {
        Self { machines, ..Self::tiny() }
    }

    /// A large merchant with this many orders; everyone else as in [`Size::tiny`].
    pub const fn huge(orders: u32) -> Self {
        Self { computed_orders: Some(orders), ..Self::tiny() }
    }
}

/// Why a world refuses.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// Its file does not answer.
    #[error("the sandbox's world cannot be read or written")]
    Store(#[from] rusqlite::Error),
    /// Its folder cannot be made.
    #[error("the folder of the sandbox's world cannot be made")]
    Folder(#[source] std::io::Error),
    /// It grew from another seed.
    #[error("this world grew from seed {found}, not {wanted}: give that seed or another folder")]
    Seed {
        /// The file's.
        found: u64,
        /// The caller's.
        wanted: u64,
    },
    /// So many changes do not fit between the last one and the present.
    #[error("the clock has to move on by {wait:?} before this change")]
    TooSoon {
        /// How long.
        wait: Duration,
    },
    /// No such row.
    #[error("`{account}` has no row `{id}` in `{stream}`")]
    Missing {
        /// Whose.
        account: &'static str,
        /// Of which stream.
        stream: Stream,
        /// Id asked for.
        id: String,
    },
}

impl Classify for WorldError {
    fn retry(&self) -> Retry {
        match self {
            Self::Store(_) => Retry::Backoff,
            Self::TooSoon { wait } => Retry::After(*wait),
            Self::Folder(_) | Self::Seed { .. } | Self::Missing { .. } => Retry::Never,
        }
    }
}

/// The world.
#[derive(Debug)]
pub struct World {
    folder: PathBuf,
    connection: Mutex<Connection>,
    clock: Arc<dyn Clock>,
    seed: u64,
    born: Tick,
    computed_orders: i64,
    /// When a row was last looked at: changes come later than that, as they do in life.
    looked: AtomicI64,
}

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS connection (account TEXT PRIMARY KEY, ready INTEGER NOT NULL)
        WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS row (
        account TEXT NOT NULL, stream TEXT NOT NULL, ordinal INTEGER NOT NULL,
        id TEXT NOT NULL, number INTEGER NOT NULL,
        facility TEXT NOT NULL, list TEXT NOT NULL,
        revision INTEGER NOT NULL, deleted INTEGER NOT NULL,
        created INTEGER NOT NULL, updated INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (account, stream, ordinal));
    CREATE UNIQUE INDEX IF NOT EXISTS row_id ON row (account, stream, id);
    CREATE INDEX IF NOT EXISTS row_updated ON row (account, stream, updated, id);
    CREATE INDEX IF NOT EXISTS row_number ON row (account, stream, facility, list, number);
";

impl World {
    /// Opens the world in `folder`, or lets one grow there from `seed`. An existing world keeps
    /// its size and its past; half of a world is never seen.
    pub fn open(
        folder: &Path,
        seed: Seed,
        size: &Size,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, WorldError> {
        std::fs::create_dir_all(folder).map_err(WorldError::Folder)?;
        let connection = Connection::open(folder.join("world.sqlite"))?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let now = Tick::of(clock.now());
        let mut world = Self {
            folder: folder.to_owned(),
            connection: Mutex::new(connection),
            clock,
            seed: seed.0,
            born: now,
            computed_orders: 0,
            looked: AtomicI64::new(now.raw()),
        };
        world.grow(size)?;
        world.read_facts(seed.0)?;
        Ok(world)
    }

    fn grow(&self, size: &Size) -> Result<(), WorldError> {
        let mut connection = self.lock();
        let all = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        all.execute_batch(SCHEMA)?;
        if fact(&all, "born")?.is_none() {
            seeding::seed(&all, self.seed, self.born, size)?;
        }
        all.commit()?;
        Ok(())
    }

    fn read_facts(&mut self, wanted: u64) -> Result<(), WorldError> {
        let (seed, born, computed) = {
            let connection = self.lock();
            let get = |name: &str| fact(&connection, name);
            (get("seed")?, get("born")?, get("computed_orders")?)
        };
        let found = seed.unwrap_or_default().cast_unsigned();
        if found != wanted {
            return Err(WorldError::Seed { found, wanted });
        }
        self.born = born.map_or(self.born, Tick::from_raw);
        self.computed_orders = computed.unwrap_or_default();
        Ok(())
    }

    /// The first instant of its data: a midnight (UTC) that stays the same for the world's life.
    pub fn since(&self) -> Timestamp {
        seeding::since(self.born).timestamp()
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where it lies; neighbours keep their files there too.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(crate) fn seed(&self) -> Seed {
        Seed(self.seed)
    }

    /// Whether a connection's first sync has ended.
    pub(crate) fn is_ready(&self, account: &Account) -> Result<bool, WorldError> {
        let ready = self
            .lock()
            .prepare_cached("SELECT ready FROM connection WHERE account = ?1")?
            .query_row([account.name], |row| row.get::<_, bool>(0))
            .optional()?;
        Ok(ready.unwrap_or(true))
    }

    /// Begins or ends a connection's first sync.
    pub fn set_ready(&self, account: &Account, ready: bool) -> Result<(), WorldError> {
        let sql = "INSERT INTO connection VALUES (?1, ?2)
                   ON CONFLICT (account) DO UPDATE SET ready = excluded.ready";
        self.lock().execute(sql, params![account.name, ready])?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) {
        self.looked.fetch_max(Tick::of(self.clock.now()).raw(), Ordering::SeqCst);
    }

    fn is_computed(&self, account: &Account, stream: Stream) -> bool {
        self.computed_orders > 0 && account.weight == Weight::Large && stream == Stream::Orders
    }
}

fn fact(connection: &Connection, name: &str) -> Result<Option<i64>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT value FROM fact WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

fn set_fact(connection: &Connection, name: &str, value: i64) -> Result<(), rusqlite::Error> {
    let sql = "INSERT INTO fact VALUES (?1, ?2)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(sql)?.execute(params![name, value])?;
    Ok(())
}

fn population(connection: &Connection, account: &Account) -> Result<Population, rusqlite::Error> {
    let get = |stream: Stream| {
        fact(connection, &format!("seeded/{}/{stream}", account.name))
            .map(|count| count.unwrap_or(1).max(1))
    };
    Ok(Population {
        orders: get(Stream::Orders)?,
        customers: get(Stream::Customers)?,
        products: get(Stream::Products)?,
    })
}
