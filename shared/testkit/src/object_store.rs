//! The clauses of [`ObjectStore`].

#![expect(clippy::unwrap_used, clippy::panic, reason = "a clause that does not hold panics")]

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::future::join_all;
use model::{Classify, ObjectKey, Retry};
use ports::{Attributes, ObjectError, ObjectStore, ObjectStoreExt};

/// Tests an adapter of [`ObjectStore`](ports::ObjectStore): one `#[tokio::test]` a clause.
///
/// Takes an expression, which may `await`, for a fresh store of its own: anything that derefs to
/// it ([`Kept`](crate::Kept) holds a temporary folder). Call it in a module of its own.
#[macro_export]
macro_rules! object_store_contract {
    ($new:expr) => {
        $crate::object_store_contract!(@ $new,
            put_new_writes_under_a_free_key
            put_new_refuses_a_taken_key
            put_new_refuses_even_the_same_bytes
            of_many_racing_put_new_one_wins
            put_once_recognises_its_own_success
            put_replaces_bytes_and_attributes
            get_gives_bytes_and_attributes
            get_of_nothing_is_not_found
            head_of_nothing_is_not_found
            head_knows_what_get_knows
            equal_marks_mean_equal_content
            an_empty_object_is_an_object
            a_megabyte_comes_back_whole
            tail_gives_the_last_bytes_and_the_size_of_all
            range_gives_the_bytes_that_are_there
            metadata_beyond_two_kilobytes_is_refused
            delete_removes_and_frees_the_key
            delete_of_nothing_succeeds
            list_is_in_byte_order
            list_takes_a_prefix_that_ends_inside_a_name
            list_pages_through_everything_once
            list_starts_behind_a_key_that_need_not_exist
            list_is_capped_at_a_thousand
            list_of_nothing_ends
            listed_objects_carry_size_and_mark
            odd_keys_come_back_as_they_went
        );
    };
    (@ $new:expr, $($clause:ident)*) => {
        $(
            #[tokio::test]
            async fn $clause() {
                let store = $new;
                $crate::object_store::$clause(&*store).await;
            }
        )*
    };
}

fn key(text: &str) -> ObjectKey {
    text.parse().unwrap()
}

fn attributes(metadata: &[(&str, &str)]) -> Attributes {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Attributes {
        content_type: Some("application/x-ndjson".to_owned()),
        content_encoding: Some("zstd".to_owned()),
        metadata: metadata.iter().map(owned).collect(),
    }
}

async fn write(store: &dyn ObjectStore, at: &str, body: &str) {
    let body = Bytes::copy_from_slice(body.as_bytes());
    store.put(&key(at), body, &Attributes::default()).await.unwrap();
}

async fn read(store: &dyn ObjectStore, at: &str) -> Bytes {
    store.get(&key(at)).await.unwrap().body
}

async fn names(store: &dyn ObjectStore, prefix: &str, after: Option<&str>) -> Vec<String> {
    let after = after.map(key);
    let page = store.list(prefix, after.as_ref(), 1000).await.unwrap();
    assert_eq!(page.next, None);
    page.objects.into_iter().map(|meta| meta.key.to_string()).collect()
}

/// `put_new` writes under a free key.
pub async fn put_new_writes_under_a_free_key(store: &dyn ObjectStore) {
    let none = Attributes::default();
    store.put_new(&key("a/b"), Bytes::from_static(b"one"), &none).await.unwrap();
    assert_eq!(read(store, "a/b").await, "one");
}

/// `put_new` refuses a taken key, permanently, and leaves what stands there.
pub async fn put_new_refuses_a_taken_key(store: &dyn ObjectStore) {
    write(store, "a", "one").await;
    let refused = store.put_new(&key("a"), Bytes::from_static(b"two"), &attributes(&[])).await;
    let error = refused.unwrap_err();
    assert!(matches!(&error, ObjectError::Exists { key } if key.as_str() == "a"), "{error:?}");
    assert_eq!(error.retry(), Retry::Never);
    let found = store.get(&key("a")).await.unwrap();
    assert_eq!((found.body, found.meta.attributes), (Bytes::from("one"), Attributes::default()));
}

/// `put_new` refuses a taken key even when the bytes are the same.
pub async fn put_new_refuses_even_the_same_bytes(store: &dyn ObjectStore) {
    write(store, "a", "one").await;
    let refused =
        store.put_new(&key("a"), Bytes::from_static(b"one"), &Attributes::default()).await;
    assert!(matches!(refused, Err(ObjectError::Exists { .. })), "{refused:?}");
}

/// Of many concurrent `put_new` under one key exactly one succeeds, and its bytes stand there.
pub async fn of_many_racing_put_new_one_wins(store: &dyn ObjectStore) {
    let none = Attributes::default();
    let target = key("contested");
    let attempts = (0..12).map(|n| store.put_new(&target, Bytes::from(format!("{n}")), &none));
    let results = join_all(attempts).await;
    let winners: Vec<usize> =
        results.iter().enumerate().filter(|(_, r)| r.is_ok()).map(|(n, _)| n).collect();
    let [winner] = winners.as_slice() else { panic!("{winners:?} won") };
    assert_eq!(read(store, "contested").await, format!("{winner}"));
    for lost in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(matches!(lost, ObjectError::Exists { .. }), "{lost:?}");
    }
}

/// `put_once` takes its own earlier success for success, and nothing else.
pub async fn put_once_recognises_its_own_success(store: &dyn ObjectStore) {
    let none = Attributes::default();
    for _ in 0..2 {
        store.put_once(&key("a"), Bytes::from_static(b"one"), &none).await.unwrap();
    }
    let other = store.put_once(&key("a"), Bytes::from_static(b"two"), &none).await;
    assert!(matches!(other, Err(ObjectError::Exists { .. })), "{other:?}");
}

/// `put` replaces bytes and attributes.
pub async fn put_replaces_bytes_and_attributes(store: &dyn ObjectStore) {
    store.put(&key("a"), Bytes::from("one"), &attributes(&[("x", "1")])).await.unwrap();
    store.put(&key("a"), Bytes::from("two"), &attributes(&[("y", "2")])).await.unwrap();
    let found = store.get(&key("a")).await.unwrap();
    assert_eq!(found.body, "two");
    assert_eq!(found.meta.attributes, attributes(&[("y", "2")]));
    write(store, "a", "three").await;
    assert_eq!(store.head(&key("a")).await.unwrap().attributes.metadata.len(), 0);
}

/// `get` gives the bytes and the attributes that were put.
pub async fn get_gives_bytes_and_attributes(store: &dyn ObjectStore) {
    let beside = attributes(&[("run", "r-1"), ("item-id", "a b")]);
    let mark = store.put_new(&key("a"), Bytes::from("one"), &beside).await.unwrap();
    let found = store.get(&key("a")).await.unwrap();
    assert_eq!(found.body, "one");
    assert_eq!(found.meta.attributes, beside);
    assert_eq!((found.meta.key, found.meta.size, found.meta.etag), (key("a"), 3, mark));
}

/// `get` of an absent key is `NotFound`, which no retry heals.
pub async fn get_of_nothing_is_not_found(store: &dyn ObjectStore) {
    let error = store.get(&key("a/b")).await.unwrap_err();
    assert!(matches!(&error, ObjectError::NotFound { key } if key.as_str() == "a/b"), "{error:?}");
    assert_eq!(error.retry(), Retry::Never);
}

/// `head` of an absent key is `NotFound`.
pub async fn head_of_nothing_is_not_found(store: &dyn ObjectStore) {
    let error = store.head(&key("a/b")).await.unwrap_err();
    assert!(matches!(error, ObjectError::NotFound { .. }), "{error:?}");
}

/// `head` tells the same as `get`, without the bytes.
pub async fn head_knows_what_get_knows(store: &dyn ObjectStore) {
    let mark = store.put(&key("a"), Bytes::from("one"), &attributes(&[("x", "1")])).await.unwrap();
    let meta = store.head(&key("a")).await.unwrap();
    assert_eq!(meta.etag, mark);
    assert_eq!(meta, store.get(&key("a")).await.unwrap().meta);
}

/// Equal marks mean equal content: a replacement by other bytes of the same size changes it.
pub async fn equal_marks_mean_equal_content(store: &dyn ObjectStore) {
    let mut marks = BTreeSet::new();
    for body in ["one", "two", "six", "ten"] {
        write(store, "a", body).await;
        let meta = store.head(&key("a")).await.unwrap();
        assert!(marks.insert(meta.etag.0.clone()), "{meta:?} has an earlier mark");
        assert_eq!(meta.etag, store.head(&key("a")).await.unwrap().etag);
    }
}

/// No bytes are bytes.
pub async fn an_empty_object_is_an_object(store: &dyn ObjectStore) {
    write(store, "a", "").await;
    assert_eq!(read(store, "a").await, "");
    assert_eq!(store.head(&key("a")).await.unwrap().size, 0);
}

/// A larger object, with every byte value in it, comes back whole.
pub async fn a_megabyte_comes_back_whole(store: &dyn ObjectStore) {
    let body: Bytes = (0..=255_u8).cycle().take(1_234_567).collect();
    store.put_new(&key("a"), body.clone(), &Attributes::default()).await.unwrap();
    assert!(read(store, "a").await == body);
}

/// The last bytes are read alone; the size is that of the whole object.
pub async fn tail_gives_the_last_bytes_and_the_size_of_all(store: &dyn ObjectStore) {
    write(store, "a", "0123456789").await;
    for (bytes, expected) in [(3, "789"), (10, "0123456789"), (99, "0123456789")] {
        let tail = store.tail(&key("a"), bytes).await.unwrap();
        assert_eq!((tail.body, tail.meta.size), (Bytes::from(expected), 10));
    }
    let missing = store.tail(&key("b"), 3).await.unwrap_err();
    assert!(matches!(missing, ObjectError::NotFound { .. }), "{missing}");
}

/// A range is what the object has of it; nothing at or behind its end.
pub async fn range_gives_the_bytes_that_are_there(store: &dyn ObjectStore) {
    write(store, "a", "0123456789").await;
    write(store, "empty", "").await;
    let ranges = [
        (0, 10, "0123456789"),
        (3, 4, "3456"),
        (8, 99, "89"),
        (10, 5, ""),
        (99, 5, ""),
        (4, 0, ""),
    ];
    for (from, len, expected) in ranges {
        assert_eq!(store.range(&key("a"), from, len).await.unwrap(), expected, "{from} {len}");
    }
    assert_eq!(store.range(&key("empty"), 0, 5).await.unwrap(), "");
    let missing = store.range(&key("b"), 0, 3).await.unwrap_err();
    assert!(matches!(missing, ObjectError::NotFound { .. }), "{missing}");
}

/// Metadata beyond S3's 2 KB are refused and nothing is written.
pub async fn metadata_beyond_two_kilobytes_is_refused(store: &dyn ObjectStore) {
    let beside = attributes(&[("long", &"x".repeat(2048))]);
    let refused = store.put(&key("a"), Bytes::new(), &beside).await;
    assert!(matches!(refused, Err(ObjectError::Refused { .. })), "{refused:?}");
    assert!(store.head(&key("a")).await.is_err());
}

/// `delete` removes the object and frees its key.
pub async fn delete_removes_and_frees_the_key(store: &dyn ObjectStore) {
    store.put(&key("a/b"), Bytes::from("one"), &attributes(&[("x", "1")])).await.unwrap();
    store.delete(&key("a/b")).await.unwrap();
    assert!(matches!(store.get(&key("a/b")).await, Err(ObjectError::NotFound { .. })));
    let none = Attributes::default();
    store.put_new(&key("a/b"), Bytes::from("two"), &none).await.unwrap();
    assert_eq!(store.get(&key("a/b")).await.unwrap().meta.attributes, none);
}

/// `delete` of what is absent succeeds.
pub async fn delete_of_nothing_succeeds(store: &dyn ObjectStore) {
    store.delete(&key("a/b/c")).await.unwrap();
    write(store, "a/b/c", "one").await;
    store.delete(&key("a/b/c")).await.unwrap();
    store.delete(&key("a/b/c")).await.unwrap();
    assert_eq!(names(store, "", None).await.len(), 0);
}

/// Listings are in byte order of whole keys, not folder by folder.
pub async fn list_is_in_byte_order(store: &dyn ObjectStore) {
    let sorted = ["B", "a-b/x", "a/x", "a/x.y", "a/y/z", "a0", "b", "ä"];
    for at in ["b", "a/y/z", "a0", "ä", "a-b/x", "B", "a/x.y", "a/x"] {
        write(store, at, at).await;
    }
    assert_eq!(names(store, "", None).await, sorted);
}

/// A prefix is text: it may end inside a segment, and need not be a folder.
pub async fn list_takes_a_prefix_that_ends_inside_a_name(store: &dyn ObjectStore) {
    for at in ["landing/a/1", "landing/ab/2", "landing/b/3", "land", "other"] {
        write(store, at, at).await;
    }
    assert_eq!(names(store, "landing/a", None).await, ["landing/a/1", "landing/ab/2"]);
    assert_eq!(names(store, "landing/a/", None).await, ["landing/a/1"]);
    assert_eq!(names(store, "land", None).await.len(), 4);
    assert_eq!(names(store, "none/", None).await.len(), 0);
}

/// Pages together hold every key once, in order, and only the last has no `next`.
pub async fn list_pages_through_everything_once(store: &dyn ObjectStore) {
    for n in 0..11 {
        write(store, &format!("p/{}/{n:02}", n % 3), "x").await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    for _ in 0..20 {
        let page = store.list("p/", after.as_ref(), 4).await.unwrap();
        assert!(page.objects.len() <= 4);
        seen.extend(page.objects.into_iter().map(|meta| meta.key.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!((seen.len(), &seen), (11, &sorted));
}

/// `after` excludes itself, and may name a key that is not there (any more).
pub async fn list_starts_behind_a_key_that_need_not_exist(store: &dyn ObjectStore) {
    for at in ["p/a", "p/c/d", "p/e"] {
        write(store, at, at).await;
    }
    assert_eq!(names(store, "p/", Some("p/a")).await, ["p/c/d", "p/e"]);
    assert_eq!(names(store, "p/", Some("p/b")).await, ["p/c/d", "p/e"]);
    assert_eq!(names(store, "p/", Some("p/c")).await, ["p/c/d", "p/e"]);
    assert_eq!(names(store, "p/", Some("p/c/d")).await, ["p/e"]);
    assert_eq!(names(store, "p/", Some("a")).await.len(), 3);
    assert_eq!(names(store, "p/", Some("q")).await.len(), 0);
}

/// A page never holds more than 1000 objects, whatever is asked for.
pub async fn list_is_capped_at_a_thousand(store: &dyn ObjectStore) {
    let none = Attributes::default();
    let keys: Vec<ObjectKey> = (0..1001).map(|n| key(&format!("m/{n:04}"))).collect();
    for some in keys.chunks(50) {
        let puts = some.iter().map(|key| store.put(key, Bytes::new(), &none));
        join_all(puts).await.into_iter().for_each(|put| assert!(put.is_ok()));
    }
    let first = store.list("m/", None, 5000).await.unwrap();
    assert_eq!((first.objects.len(), &first.next), (1000, &Some(key("m/0999"))));
    assert_eq!(names(store, "m/", Some("m/0999")).await, ["m/1000"]);
}

/// A listing of nothing is empty and ends.
pub async fn list_of_nothing_ends(store: &dyn ObjectStore) {
    let page = store.list("", None, 10).await.unwrap();
    assert_eq!((page.objects.len(), page.next), (0, None));
}

/// Listed objects carry the size and the mark that `head` gives, and no attributes.
pub async fn listed_objects_carry_size_and_mark(store: &dyn ObjectStore) {
    store.put(&key("a"), Bytes::from("one"), &attributes(&[("x", "1")])).await.unwrap();
    let meta = store.list("a", None, 1).await.unwrap().objects.remove(0);
    assert_eq!((meta.size, &meta.etag), (3, &store.head(&key("a")).await.unwrap().etag));
    assert_eq!(meta.attributes, Attributes::default());
}

/// Keys with spaces, signs, other scripts and long segments come back as they went.
pub async fn odd_keys_come_back_as_they_went(store: &dyn ObjectStore) {
    let long = format!("s/{}/x", "long%20".repeat(100));
    let odd = ["s/a b/c+d", "s/a=b&c", "s/%2E.%2F", "s/Ünï", "s/..x", "s/q?#\"'\\", &long];
    for at in odd {
        write(store, at, at).await;
    }
    for at in odd {
        assert_eq!(read(store, at).await, at);
    }
    let found: BTreeSet<String> = names(store, "s/", None).await.into_iter().collect();
    assert_eq!(found, odd.iter().map(|at| (*at).to_owned()).collect());
}
