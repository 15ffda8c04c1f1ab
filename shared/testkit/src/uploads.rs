//! The clauses of [`Uploads`].

#![expect(clippy::unwrap_used, reason = "a clause that does not hold panics")]

use bytes::Bytes;
use model::{Classify, ObjectKey, Retry};
use ports::{Attributes, MIN_PART_BYTES, ObjectError, PartTag, UploadId, Uploads};

/// Tests an adapter of [`Uploads`](ports::Uploads): one `#[tokio::test]` a clause.
///
/// Takes an expression as [`object_store_contract!`](crate::object_store_contract) does; behind
/// `emulated`, without what an emulator answers with an error of its own.
#[macro_export]
macro_rules! uploads_contract {
    ($new:expr) => {
        $crate::uploads_contract!(emulated $new);
        $crate::uploads_contract!(@ $new,
            an_upload_that_has_ended_is_not_found
            completing_an_upload_again_changes_nothing
            an_aborted_upload_takes_no_part_and_is_not_completed
        );
    };
    (emulated $new:expr) => {
        $crate::uploads_contract!(@ $new,
            parts_become_one_object
            nothing_is_seen_before_an_upload_is_complete
            a_part_that_comes_again_replaces_the_first
            a_small_part_before_the_last_is_refused
            an_upload_replaces_what_stands_there
            an_aborted_upload_leaves_nothing
        );
    };
    (@ $new:expr, $($clause:ident)*) => {
        $(
            #[tokio::test]
            async fn $clause() {
                let store = $new;
                $crate::uploads::$clause(&*store).await;
            }
        )*
    };
}

fn key() -> ObjectKey {
    "archive/big.csv".parse().unwrap()
}

/// The smallest part that need not be the last one.
fn large(byte: u8) -> Bytes {
    vec![byte; usize::try_from(MIN_PART_BYTES).unwrap()].into()
}

fn small() -> Bytes {
    Bytes::from_static(b"the end")
}

async fn begun(store: &dyn Uploads) -> UploadId {
    store.begin(&key(), &Attributes::default()).await.unwrap()
}

async fn part(store: &dyn Uploads, upload: &UploadId, number: u32, body: Bytes) -> PartTag {
    let size = body.len() as u64;
    let part = store.upload(&key(), upload, number, body).await.unwrap();
    assert_eq!((part.number, part.size), (number, size));
    part
}

async fn is_absent(store: &dyn Uploads) -> bool {
    matches!(store.head(&key()).await, Err(ObjectError::NotFound { .. }))
}

/// Parts become one object in order of their numbers, with the attributes of the beginning.
pub async fn parts_become_one_object(store: &dyn Uploads) {
    let beside = Attributes {
        content_type: Some("text/csv".to_owned()),
        metadata: [("feed".to_owned(), "loyalty".to_owned())].into(),
        ..Attributes::default()
    };
    let upload = store.begin(&key(), &beside).await.unwrap();
    let second = part(store, &upload, 2, small()).await;
    let first = part(store, &upload, 1, large(b'a')).await;
    let mark = store.complete(&key(), &upload, &[first, second]).await.unwrap();
    let found = store.get(&key()).await.unwrap();
    assert!(found.body == [large(b'a'), small()].concat());
    assert_eq!((found.meta.etag, found.meta.attributes), (mark, beside));
}

/// Nothing is to be seen before an upload is complete.
pub async fn nothing_is_seen_before_an_upload_is_complete(store: &dyn Uploads) {
    let upload = begun(store).await;
    let only = part(store, &upload, 1, small()).await;
    assert!(is_absent(store).await);
    assert_eq!(store.list("", None, 10).await.unwrap().objects.len(), 0);
    store.complete(&key(), &upload, &[only]).await.unwrap();
    assert_eq!(store.get(&key()).await.unwrap().body, small());
}

/// A part that comes again replaces the one of its number.
pub async fn a_part_that_comes_again_replaces_the_first(store: &dyn Uploads) {
    let upload = begun(store).await;
    part(store, &upload, 1, Bytes::from_static(b"torn")).await;
    let again = part(store, &upload, 1, small()).await;
    store.complete(&key(), &upload, &[again]).await.unwrap();
    assert_eq!(store.get(&key()).await.unwrap().body, small());
}

/// A part that is too small, and not the last, is refused for good, as are numbers that fall.
pub async fn a_small_part_before_the_last_is_refused(store: &dyn Uploads) {
    let upload = begun(store).await;
    let (first, second) =
        (part(store, &upload, 1, small()).await, part(store, &upload, 2, small()).await);
    let refused = store.complete(&key(), &upload, &[first.clone(), second.clone()]).await;
    assert_eq!(refused.unwrap_err().retry(), Retry::Never);
    let (first, second) = (part(store, &upload, 3, large(b'c')).await, first);
    let refused = store.complete(&key(), &upload, &[first, second]).await;
    assert_eq!(refused.unwrap_err().retry(), Retry::Never);
    assert!(store.upload(&key(), &upload, 0, small()).await.is_err());
    assert!(is_absent(store).await);
}

/// An upload that has ended is not found, nor one that never began.
pub async fn an_upload_that_has_ended_is_not_found(store: &dyn Uploads) {
    let upload = begun(store).await;
    let only = [part(store, &upload, 1, small()).await];
    store.complete(&key(), &upload, &only).await.unwrap();
    let ended = store.upload(&key(), &upload, 2, small()).await;
    assert!(matches!(ended, Err(ObjectError::NotFound { .. })), "{ended:?}");
    assert_eq!(store.get(&key()).await.unwrap().body, small());
}

/// An upload that is complete may be completed again; a store may still know that it was (S3 does
/// for a while).
pub async fn completing_an_upload_again_changes_nothing(store: &dyn Uploads) {
    let upload = begun(store).await;
    let only = [part(store, &upload, 1, small()).await];
    store.complete(&key(), &upload, &only).await.unwrap();
    let ended = store.complete(&key(), &upload, &only).await;
    assert!(matches!(ended, Ok(_) | Err(ObjectError::NotFound { .. })), "{ended:?}");
    assert_eq!(store.get(&key()).await.unwrap().body, small());
}

/// A complete upload replaces what stands there.
pub async fn an_upload_replaces_what_stands_there(store: &dyn Uploads) {
    store.put(&key(), Bytes::from_static(b"before"), &Attributes::default()).await.unwrap();
    let upload = begun(store).await;
    let only = part(store, &upload, 1, small()).await;
    store.complete(&key(), &upload, &[only]).await.unwrap();
    assert_eq!(store.get(&key()).await.unwrap().body, small());
}

/// An aborted upload leaves nothing, and may be aborted again.
pub async fn an_aborted_upload_leaves_nothing(store: &dyn Uploads) {
    let upload = begun(store).await;
    part(store, &upload, 1, small()).await;
    store.abort(&key(), &upload).await.unwrap();
    store.abort(&key(), &upload).await.unwrap();
    assert!(is_absent(store).await);
}

/// An aborted upload takes no part and is not completed.
pub async fn an_aborted_upload_takes_no_part_and_is_not_completed(store: &dyn Uploads) {
    let upload = begun(store).await;
    let only = part(store, &upload, 1, small()).await;
    store.abort(&key(), &upload).await.unwrap();
    let late = store.upload(&key(), &upload, 2, small()).await;
    assert!(matches!(late, Err(ObjectError::NotFound { .. })), "{late:?}");
    let ended = store.complete(&key(), &upload, &[only]).await;
    assert!(matches!(ended, Err(ObjectError::NotFound { .. })), "{ended:?}");
    assert!(is_absent(store).await);
}
