//! The views on Trino, the engine of Athena: over random histories they equal the fold (I-4).
//!
//! `cargo xtask trino` starts a Trino and runs this; it is not part of a plain `cargo test`, and
//! without the server's variables every test here fails and says so.

#[path = "compact_world.rs"]
mod compact_world;
#[path = "curated_history.rs"]
mod curated_history;
#[path = "history.rs"]
mod history;

use std::path::PathBuf;

use bytes::Bytes;
use host::Vars;
use lake::ddl::{self, Catalog};
use lake::{StreamTable, commits_prefix, landing_prefix};
use model::ObjectKey;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use xtask::trino::Trino;

use history::{Lake, Tried, incremental, primary_key, reading, refreshed, table, texts};

/// How Trino spells what the engines spell differently.
const TRINO: curated_history::Spelling = curated_history::Spelling {
    paid: "CAST(paid AS varchar)",
    second: "substr(CAST(updated_at AS varchar), 1, 19)",
    day: "CAST(day AS varchar)",
    items: "CAST(cardinality(tags) AS varchar)",
};

/// The folders of a model's tables.
const CURATED: [&str; 5] = ["curated", "receipts", "snapshot", "pointers", "things"];

/// Histories of each kind.
const HISTORIES: usize = 12;

/// What `cargo xtask trino` sets.
struct SetUp {
    trino: Trino,
    /// What the server reads as `local:///`.
    folder: PathBuf,
    seed: u64,
}

impl SetUp {
    fn new() -> Self {
        let vars = Vars::process();
        let variable = |name: &str| {
            let value = vars.required(name);
            value.unwrap_or_else(|fault| panic!("{fault}: run this by `cargo xtask trino`"))
        };
        let folder = PathBuf::from(variable("TRINO_FOLDER"));
        let seed = variable("SEED").parse().unwrap();
        Self { trino: Trino::at(&variable("TRINO_URL")), folder, seed }
    }

    /// A source of histories that differs by kind.
    fn runner(&self, kind: &str) -> TestRunner {
        let mut seed = [0; 32];
        let bytes = self.seed.to_le_bytes().into_iter().chain(kind.bytes());
        for (place, byte) in seed.iter_mut().zip(bytes) {
            *place = byte;
        }
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        TestRunner::new_with_rng(ProptestConfig::default(), rng)
    }

    /// Writes a lake into a folder of its own.
    fn write(&self, lake: &Lake, name: &str, table: &StreamTable) {
        let prefixes = [landing_prefix, commits_prefix];
        self.put(name, &prefixes.map(|of| of(&table.source, &table.stream)), lake.objects());
    }

    /// Writes objects into a folder; a bucket has every prefix, here they have to be made.
    fn put(&self, name: &str, prefixes: &[String], objects: Vec<(ObjectKey, Bytes)>) {
        let folder = self.folder.join(name);
        for prefix in prefixes {
            std::fs::create_dir_all(folder.join(prefix)).unwrap();
        }
        for (key, body) in objects {
            let path = folder.join(key.as_str());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, body).unwrap();
        }
    }

    /// Creates a lake's tables and views in a schema of its own.
    fn create(&self, name: &str, statements: impl Fn(&Catalog) -> Vec<String>) {
        let schema = format!("CREATE SCHEMA {name} WITH (location = 'local:///metastore/{name}')");
        self.trino.run(name, &schema).unwrap();
        let catalog = Catalog {
            database: name.to_owned(),
            root: format!("local:///{name}/"),
            tenants: String::new(),
            connections: String::new(),
            first_month: String::new(),
        };
        for statement in statements(&catalog) {
            self.trino.run(name, &statement).unwrap();
        }
    }

    fn viewed(&self, schema: &str, view: &str) -> Vec<Vec<String>> {
        texts(self.trino.run(schema, &reading(view)).unwrap())
    }
}

/// Holds the views of random histories against their fold.
fn check(kind: &str, histories: &impl Strategy<Value = Vec<Tried>>, primary_key: &[Vec<String>]) {
    let set_up = SetUp::new();
    let mut runner = set_up.runner(kind);
    let table = table(primary_key);
    let mut rows = 0;
    for number in 0..HISTORIES {
        let history = histories.new_tree(&mut runner).unwrap().current();
        let lake = Lake::of(&history);
        let name = format!("{kind}_{number}");
        let seed = set_up.seed;
        set_up.write(&lake, &name, &table);
        set_up.create(&name, |catalog| ddl::trino(&table, catalog));
        let latest = set_up.viewed(&name, &table.name);
        rows += latest.len();
        assert_eq!(latest, lake.latest(primary_key), "seed {seed}, {name}: {history:#?}");
        if !primary_key.is_empty() {
            let keyless = set_up.viewed(&name, &format!("{}_without_key", table.name));
            let told = lake.without_key(primary_key);
            assert_eq!(keyless, told, "seed {seed}, {name}, without key: {history:#?}");
        }
    }
    assert!(rows > 0, "seed {}: no history of {kind} shows a row", set_up.seed);
}

#[test]
fn the_views_of_an_incremental_stream_equal_the_fold() {
    check("incremental", &incremental(), &primary_key());
}

#[test]
fn the_views_of_refreshes_and_increments_equal_the_fold() {
    check("refreshed", &refreshed(), &primary_key());
}

#[test]
fn the_view_of_a_stream_without_a_key_equals_the_fold() {
    check("without_key", &refreshed(), &[]);
}

#[test]
fn the_view_of_a_model_equals_the_fold() {
    let set_up = SetUp::new();
    let mut runner = set_up.runner("model");
    let table = curated_history::table();
    let prefixes = CURATED.map(|root| format!("{root}/{}/", table.model));
    let mut rows = 0;
    for number in 0..HISTORIES {
        let history = curated_history::histories().new_tree(&mut runner).unwrap().current();
        let lake = curated_history::Lake::of(&history);
        let name = format!("model_{number}");
        set_up.put(&name, &prefixes, lake.objects());
        set_up.create(&name, |catalog| ddl::trino_model(&table, catalog));
        let shown = texts(set_up.trino.run(&name, &curated_history::reading(&TRINO)).unwrap());
        rows += shown.len();
        assert_eq!(shown, lake.shown(), "seed {}, {name}: {history:#?}", set_up.seed);
        let things = format!("SELECT id, _id, _number, _sources FROM {}", table.name);
        assert!(set_up.trino.run(&name, &things).unwrap().is_empty());
    }
    assert!(rows > 0, "seed {}: no history of a model shows a row", set_up.seed);
}

/// Worlds with a snapshot each, some with receipts and curated objects beside it.
async fn compacted(runner: &mut TestRunner) -> compact_world::World {
    let mut world = compact_world::World::new().await;
    let told = compact_world::told();
    let mut some = || told.new_tree(runner).unwrap().current();
    world.refresh(&[some(), some()], true).await;
    for _ in 0..4 {
        world.run(&some()).await;
    }
    world.settle().await;
    world.compact(2).await;
    for earlier in 0..2 {
        world.run(&some()).await;
        world.run_again(earlier).await;
    }
    world.settle().await;
    world
}

#[test]
fn the_view_of_a_compacted_model_equals_the_fold() {
    let set_up = SetUp::new();
    let mut runner = set_up.runner("compacted");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let table = compact_world::line_table();
    let prefixes = CURATED.map(|root| format!("{root}/{}/", table.model));
    let mut rows = 0;
    for number in 0..HISTORIES {
        let world = runtime.block_on(compacted(&mut runner));
        let name = format!("compacted_{number}");
        set_up.put(&name, &prefixes, runtime.block_on(world.objects()));
        set_up.create(&name, |catalog| ddl::trino_model(&table, catalog));
        let read = set_up.trino.run(&name, compact_world::READING).unwrap();
        let shown: Vec<String> = texts(read).concat();
        rows += shown.len();
        assert_eq!(shown, world.truth(), "seed {}, {name}", set_up.seed);
        assert_eq!(shown, runtime.block_on(world.shown()), "seed {}, {name}", set_up.seed);
        assert_eq!(shown, runtime.block_on(world.shown_anew()), "seed {}, {name}", set_up.seed);
    }
    assert!(rows > 0, "seed {}: no compacted world shows a row", set_up.seed);
}
