//! The metrics that exist. Dashboards and alarms may name these and no others.

/// Unit of a metric, as CloudWatch spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A length of time.
    Seconds,
    /// A length of time.
    Milliseconds,
    /// A size.
    Bytes,
}

impl Unit {
    /// CloudWatch's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
            Self::Milliseconds => "Milliseconds",
            Self::Bytes => "Bytes",
        }
    }
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident: $unit:ident,)*) => {
        /// A metric: its name and its unit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric { $($(#[$doc])* $name,)* }

        impl Metric {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Name, in `PascalCase`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// Unit.
            pub fn unit(self) -> Unit {
                match self { $(Self::$name => Unit::$unit,)* }
            }
        }
    };
}

metrics! {
    /// Records committed to the lake.
    RecordsExtracted: Count,
    /// Pages fetched from sources.
    PagesFetched: Count,
    /// Bytes of landing objects written, as stored.
    BytesLanded: Bytes,
    /// Calls that a source answered with "too many".
    CallsThrottled: Count,
    /// What calls waited until the shared budget permitted them.
    PermitsWaited: Milliseconds,
    /// Messages or records put aside with a reason.
    RecordsParked: Count,
    /// Age of the newest committed data of a stream when its run ends.
    FreshnessSeconds: Seconds,
    /// Runs that ended in a permanent failure.
    RunsFailed: Count,
    /// Jobs that a schedule, or a provider's notice, enqueued.
    JobsEnqueued: Count,
    /// Notices of providers that were taken.
    NoticesTaken: Count,
    /// Notices that were refused: not signed as they should be, too old, too large, no JSON.
    NoticesRefused: Count,
    /// Connections of which a provider said that they were switched off or want a person.
    ConnectionsSuspended: Count,
    /// Rows of standard models that were made.
    RowsTransformed: Count,
    /// Rows, records and lines that were refused, and stand in quarantine with their reasons.
    RowsQuarantined: Count,
    /// Landing objects that are not what their commit names.
    ObjectsDamaged: Count,
    /// Rows that went into snapshots.
    RowsCompacted: Count,
    /// Differences between records and models that nobody had seen.
    DriftFound: Count,
    /// Possible gaps that a walk reported.
    GapsSuspected: Count,
    /// Generations kept aside because they were much smaller than the last.
    GenerationsHeld: Count,
    /// Invocations that used up their hop budget with work left.
    InvocationsExhausted: Count,
    /// Bytes that queries read, by which Athena is paid.
    BytesScanned: Bytes,
    /// Customers' copies of the lake that were made.
    CopiesExported: Count,
    /// Rows of customers' copies.
    RowsExported: Count,
    /// Reports on partners' files and pushes that were made, or made anew.
    ReportsMade: Count,
    /// Partners' files whose records count.
    FilesAccepted: Count,
    /// Partners' files that were refused, and stand under `failed/` with the reason.
    FilesRejected: Count,
    /// Partners' files whose content was accepted before.
    FilesDuplicate: Count,
    /// Feeds whose next file is late.
    FilesLate: Count,
    /// Partners' files that wait for the marker that says that they are whole.
    FilesUnmarked: Count,
    /// Markers whose files have not come.
    MarkersAlone: Count,
    /// Items that a destination took, or had already.
    RecordsPushed: Count,
    /// Items that a destination refused, or of which nobody knows.
    RecordsUnpushed: Count,
    /// Codes of destinations that no rule knows.
    CodesUnknown: Count,
    /// Pushes that were stopped because a destination refuses everything.
    PushesStopped: Count,
    /// Files of which all rows are at their destination.
    FilesPushed: Count,
    /// Files of which some rows are not at their destination.
    FilesUnpushed: Count,
    /// Processes started.
    ColdStarts: Count,
}
