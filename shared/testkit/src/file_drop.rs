//! The clauses of [`FileDrop`].

#![expect(clippy::unwrap_used, reason = "a clause that does not hold panics")]

use bytes::Bytes;
use model::{Classify, Retry};
use ports::{DropError, FileDrop};

/// Tests an adapter of [`FileDrop`](ports::FileDrop): one `#[tokio::test]` a clause.
///
/// Takes an expression, which may `await`, for an empty drop, as
/// [`object_store_contract!`](crate::object_store_contract) does.
#[macro_export]
macro_rules! file_drop_contract {
    ($new:expr) => {
        $crate::file_drop_contract!(@ $new,
            a_file_is_read_as_it_was_put
            a_read_is_what_the_file_has_of_it
            a_large_file_is_read_whole
            a_listing_shows_files_and_no_folders
            a_listing_ends_at_its_limit
            stat_knows_what_the_listing_shows
            what_is_absent_is_not_found
            a_rename_makes_its_folder_and_keeps_the_file
            a_rename_is_never_over_another_file
            remove_of_nothing_succeeds
            put_replaces
            odd_names_come_back_as_they_went
        );
    };
    (@ $new:expr, $($clause:ident)*) => {
        $(
            #[tokio::test]
            async fn $clause() {
                let place = $new;
                $crate::file_drop::$clause(&*place).await;
            }
        )*
    };
}

async fn put(place: &dyn FileDrop, path: &str, body: &str) {
    place.put(path, Bytes::copy_from_slice(body.as_bytes())).await.unwrap();
}

async fn names(place: &dyn FileDrop) -> Vec<String> {
    place.list(1000).await.unwrap().into_iter().map(|entry| entry.path).collect()
}

/// A file is read as it was put.
pub async fn a_file_is_read_as_it_was_put(place: &dyn FileDrop) {
    put(place, "a.csv", "id\n1\n").await;
    assert_eq!(place.read("a.csv", 0, 100).await.unwrap(), "id\n1\n");
}

/// A read is what the file has of it; nothing at or behind its end.
pub async fn a_read_is_what_the_file_has_of_it(place: &dyn FileDrop) {
    put(place, "a", "0123456789").await;
    for (offset, len, expected) in [(2, 3, "234"), (8, 99, "89"), (10, 5, ""), (99, 5, "")] {
        assert_eq!(place.read("a", offset, len).await.unwrap(), expected);
    }
}

/// A larger file, with every byte value in it, is read whole in one call.
pub async fn a_large_file_is_read_whole(place: &dyn FileDrop) {
    let body: Bytes = (0..=255_u8).cycle().take(1_234_567).collect();
    place.put("large", body.clone()).await.unwrap();
    assert!(place.read("large", 0, 2_000_000).await.unwrap() == body);
    assert!(
        place.read("large", 1_000_000, 200_000).await.unwrap() == body.slice(1_000_000..1_200_000)
    );
}

/// A listing shows files in order, and neither folders nor what is in them.
pub async fn a_listing_shows_files_and_no_folders(place: &dyn FileDrop) {
    put(place, "b", "bb").await;
    put(place, "a", "a").await;
    put(place, "done", "done").await;
    place.rename("done", "processed/done").await.unwrap();
    assert_eq!(names(place).await, ["a", "b"]);
}

/// A listing ends at its limit.
pub async fn a_listing_ends_at_its_limit(place: &dyn FileDrop) {
    for name in ["c", "a", "b"] {
        put(place, name, name).await;
    }
    assert_eq!(place.list(2).await.unwrap().len(), 2);
}

/// `stat` knows what the listing shows.
pub async fn stat_knows_what_the_listing_shows(place: &dyn FileDrop) {
    put(place, "a", "12345").await;
    let listed = place.list(10).await.unwrap().remove(0);
    assert_eq!((listed.path.as_str(), listed.size), ("a", 5));
    assert_eq!(place.stat("a").await.unwrap().entry, listed);
}

/// What is absent is not found, which no retry heals.
pub async fn what_is_absent_is_not_found(place: &dyn FileDrop) {
    let errors = [
        place.stat("a").await.unwrap_err(),
        place.read("a", 0, 1).await.unwrap_err(),
        place.rename("a", "b").await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, DropError::NotFound { path } if path == "a"), "{error}");
        assert_eq!(error.retry(), Retry::Never);
    }
}

/// A rename makes its folder; bytes, size and time stay.
pub async fn a_rename_makes_its_folder_and_keeps_the_file(place: &dyn FileDrop) {
    put(place, "a", "12345").await;
    let before = place.stat("a").await.unwrap().entry;
    place.rename("a", "processed/2024/a").await.unwrap();
    let after = place.stat("processed/2024/a").await.unwrap().entry;
    assert_eq!((after.size, after.path.as_str()), (before.size, "processed/2024/a"));
    assert_eq!(place.read("processed/2024/a", 0, 9).await.unwrap(), "12345");
    assert!(place.stat("a").await.is_err());
}

/// A rename is never over another file.
pub async fn a_rename_is_never_over_another_file(place: &dyn FileDrop) {
    put(place, "a", "new").await;
    put(place, "b", "old").await;
    let error = place.rename("a", "b").await.unwrap_err();
    assert!(matches!(&error, DropError::Exists { path } if path == "b"), "{error}");
    assert_eq!(place.read("a", 0, 9).await.unwrap(), "new");
    assert_eq!(place.read("b", 0, 9).await.unwrap(), "old");
}

/// `remove` removes, and of what is absent succeeds.
pub async fn remove_of_nothing_succeeds(place: &dyn FileDrop) {
    put(place, "a", "1").await;
    place.remove("a").await.unwrap();
    place.remove("a").await.unwrap();
    assert_eq!(names(place).await.len(), 0);
}

/// `put` replaces all of what stands there.
pub async fn put_replaces(place: &dyn FileDrop) {
    put(place, "a", "a long text").await;
    put(place, "a", "short").await;
    assert_eq!(place.read("a", 0, 99).await.unwrap(), "short");
}

/// Names with spaces, signs and other scripts come back as they went.
pub async fn odd_names_come_back_as_they_went(place: &dyn FileDrop) {
    let mut odd = ["a b+c.csv", "a=b&c", "%2e", "Ünï", "..x", "q?#\"'"];
    for name in odd {
        put(place, name, name).await;
    }
    odd.sort_unstable();
    assert_eq!(names(place).await, odd);
    assert_eq!(place.read("Ünï", 0, 99).await.unwrap(), "Ünï");
}
