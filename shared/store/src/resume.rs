//! Where the next run starts.

use model::{CursorValue, Timestamp};

/// What is known of one partition when a slice of it has been committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Where it started so far.
    pub before: Option<Timestamp>,
    /// Greatest cursor of its committed records that was not ahead of their run.
    pub cursor: Option<Timestamp>,
    /// Start of the run: nothing later has been asked for.
    pub run_start: Timestamp,
    /// Start of its first slice that is planned and not committed.
    pub first_open: Option<Timestamp>,
}

/// The resume point: `min(start of the first open slice, greatest cursor, start of the run)`, and
/// never behind where it was. The connector takes the look-back off it.
pub fn resume_point(progress: Progress) -> Option<Timestamp> {
    let reached = progress.cursor.map(|cursor| cursor.min(progress.run_start));
    let open = |at: Timestamp| progress.first_open.map_or(at, |first| first.min(at));
    progress.before.max(reached.map(open))
}

/// The instant of a cursor, unless it lies ahead of the run: what is dated in the future says
/// nothing of how far the past has been read, so it neither moves nor stops a stream.
pub fn counted(cursor: Option<&CursorValue>, run_start: Timestamp) -> Option<Timestamp> {
    match cursor {
        Some(CursorValue::Instant(at)) if *at <= run_start => Some(*at),
        _ => None,
    }
}

/// Whether a cursor says how far its stream has been read: counts do, and instants that are not
/// ahead of the run.
pub fn counts(cursor: Option<&CursorValue>, run_start: Timestamp) -> bool {
    matches!(cursor, Some(CursorValue::Integer(_))) || counted(cursor, run_start).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_record_dated_in_the_future_neither_moves_nor_stops_a_stream() {
        let far = CursorValue::Instant(at(9_000_000_000));
        assert_eq!(counted(Some(&far), at(100)), None);
        assert_eq!(counted(Some(&CursorValue::Instant(at(100))), at(100)), Some(at(100)));
    }

    #[test]
    fn a_count_moves_a_stream_and_a_text_does_not() {
        assert!(counts(Some(&CursorValue::Integer(7)), at(1)));
        assert!(!counts(Some(&CursorValue::Text("7".to_owned())), at(1)));
        let partition = crate::Partition {
            cursor: Some(CursorValue::Integer(7)),
            ..crate::Partition::default()
        };
        assert_eq!(partition.reached(), Some(CursorValue::Integer(7)));
    }

    #[test]
    fn without_records_the_resume_point_stays() {
        let progress =
            Progress { before: Some(at(5)), cursor: None, run_start: at(9), first_open: None };
        assert_eq!(resume_point(progress), Some(at(5)));
        assert_eq!(resume_point(Progress { before: None, ..progress }), None);
    }

    proptest! {
        #[test]
        fn it_moves_forward_only_and_passes_no_open_slice(
            before in proptest::option::of(0i64..100),
            cursor in proptest::option::of(0i64..100),
            first_open in proptest::option::of(0i64..100),
            run_start in 0i64..100,
        ) {
            let progress = Progress {
                before: before.map(at),
                cursor: cursor.map(at),
                run_start: at(run_start),
                first_open: first_open.map(at),
            };
            let next = resume_point(progress);
            prop_assert!(next >= progress.before);
            if next > progress.before {
                prop_assert!(next <= progress.cursor && next <= Some(at(run_start)));
                prop_assert!(progress.first_open.is_none_or(|open| next <= Some(open)));
            }
        }
    }
}
