use std::collections::BTreeSet;

use ports::ObjectStoreExt;
use tempfile::TempDir;

use super::*;
use crate::testing::system;

fn scratch() -> (FileStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (clock, ids) = system();
    (FileStore::open(folder.path(), clock, ids).unwrap(), folder)
}

fn key(text: &str) -> ObjectKey {
    text.parse().unwrap()
}

fn typed() -> Attributes {
    Attributes { content_type: Some("text/plain".to_owned()), ..Attributes::default() }
}

mod contract {
    use super::*;

    testkit::object_store_contract!({
        let (store, folder) = scratch();
        testkit::Kept::new(store, folder)
    });
    testkit::uploads_contract!({
        let (store, folder) = scratch();
        testkit::Kept::new(store, folder)
    });
}

#[tokio::test]
async fn objects_are_plain_files_and_files_are_objects() {
    let (store, folder) = scratch();
    store.put_new(&key("a/b.txt"), Bytes::from("one"), &typed()).await.unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("a/b.txt")).unwrap(), "one");
    fs::write(folder.path().join("a/c.txt"), "two").unwrap();
    assert_eq!(store.get(&key("a/c.txt")).await.unwrap().body, "two");
    assert_eq!(store.list_all("a/").await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_mark_of_a_file_changes_when_it_is_edited_by_hand() {
    let (store, folder) = scratch();
    let file = folder.path().join("tenants.yaml");
    let mut marks = BTreeSet::new();
    for text in ["a: 1", "a: 22", "a: 333"] {
        fs::write(&file, text).unwrap();
        assert!(marks.insert(store.head(&key("tenants.yaml")).await.unwrap().etag.0));
    }
}

#[tokio::test]
async fn a_key_inside_an_object_or_around_others_is_refused() {
    let (store, _folder) = scratch();
    let none = Attributes::default();
    store.put(&key("a"), Bytes::new(), &none).await.unwrap();
    store.put(&key("d/e"), Bytes::new(), &none).await.unwrap();
    for at in ["a/b", "a/b/c", "d", ".attributes/x"] {
        for result in [
            store.put_new(&key(at), Bytes::new(), &none).await,
            store.put(&key(at), Bytes::new(), &none).await,
        ] {
            assert!(matches!(result, Err(ObjectError::Refused { .. })), "{at}: {result:?}");
        }
    }
    assert!(matches!(store.get(&key("d")).await, Err(ObjectError::NotFound { .. })));
    assert!(matches!(store.get(&key("a/b")).await, Err(ObjectError::NotFound { .. })));
    store.delete(&key("d")).await.unwrap();
    assert_eq!(store.list_all("").await.unwrap().len(), 2);
}

#[tokio::test]
async fn nothing_is_left_behind_by_writes_that_win_lose_or_are_removed() {
    let (store, folder) = scratch();
    for _ in 0..2 {
        drop(store.put_new(&key("a/b"), Bytes::from("one"), &typed()).await);
        store.put(&key("a/c"), Bytes::from("two"), &typed()).await.unwrap();
    }
    for at in ["a/b", "a/c"] {
        store.delete(&key(at)).await.unwrap();
    }
    let left = |name: &str| fs::read_dir(folder.path().join(name)).map_or(0, Iterator::count);
    assert_eq!((left(".temporary"), left(".attributes"), left("a")), (0, 0, 0));
}

#[tokio::test]
async fn what_a_killed_writer_left_is_removed_after_an_hour() {
    let (_, folder) = scratch();
    let drafts = folder.path().join(".temporary");
    fs::create_dir(&drafts).unwrap();
    let old = File::create_new(drafts.join("old")).unwrap();
    let (clock, ids) = system();
    old.set_modified((clock.now() - std::time::Duration::from_hours(2)).into()).unwrap();
    File::create_new(drafts.join("young")).unwrap();
    let store = FileStore::open(folder.path(), clock, ids).unwrap();
    let names: Vec<_> =
        fs::read_dir(&drafts).unwrap().map(|each| each.unwrap().file_name()).collect();
    assert_eq!(names, ["young"]);
    assert_eq!(store.list_all("").await.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_and_removers_of_one_folder_do_not_disturb_each_other() {
    let (store, _folder) = scratch();
    let tasks = (0..4).map(|n| {
        let store = store.clone();
        async move {
            for round in 0..20 {
                let at = key(&format!("shared/{n}"));
                store.put_new(&at, Bytes::from(format!("{round}")), &typed()).await.unwrap();
                assert_eq!(store.get(&at).await.unwrap().body, format!("{round}"));
                store.delete(&at).await.unwrap();
            }
        }
    });
    futures_util::future::join_all(tasks).await;
    assert_eq!(store.list_all("").await.unwrap().len(), 0);
}
