//! What a source is like.

/// How pages follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// One page.
    None,
    /// By a token for the last row's place.
    Token,
    /// By a token that is a number of rows in disguise.
    CountingToken,
    /// By the last record's date, which is given again.
    FromDate,
    /// By the last record's date, which is left out.
    AfterDate,
    Offset,
    Page,
}

/// What goes wrong, or looks as if it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    None,
    /// No more than so many rows of a walk are ever given.
    Cap(usize),
    /// There is no token after the first page of partitions with an even number.
    NoToken,
    /// The start of a window is left out.
    AfterStart,
    /// The end of a window is left out.
    BeforeEnd,
    /// Windows are read so many seconds off.
    Slip(i64),
    /// Bounds are rounded to whole days, outwards.
    WholeDays,
    /// Bounds are not looked at.
    NoBounds,
    /// Nothing older than so many days is given.
    Recent(i64),
    /// The second token leads back to the first.
    Circle,
    /// All pages are the first.
    SamePage,
    /// The page of this number is empty.
    EmptyPage(usize),
    /// Every seventh row is taken out of a page after it was cut.
    ShortPages,
    /// Pages hold no more than so many rows, whatever is asked for.
    SmallPages(usize),
    /// The last page is not given, while more is promised.
    PromisesMore,
    /// The last page is not given, and counted.
    LosesLast,
    /// A body is cut off.
    CutOff,
    /// Behind the last page the last page is given again.
    LastAgain,
    /// Behind the last page there is an error.
    NoneBehind,
}

/// How the source tells how many rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    No,
    Body,
    Header,
    /// Of the whole list, whatever was asked for.
    Unfiltered,
}

/// What changes while pages are read, at each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum During {
    Nothing,
    /// Every third time.
    Inserts,
    /// Every third time, within the first walk.
    InsertsAtFirst,
    Deletes,
}

/// What changes between runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    Nothing,
    /// New rows with new dates, and old rows that get one.
    News,
    /// More rows at the greatest date there was.
    SameInstant,
    /// Rows dated days ago.
    Backdated,
    /// Rows go, and come back with a new date.
    ComeBack,
    /// All rows of the greatest date get a new one.
    Touch,
}

/// One API.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing of a source")]
pub struct Shape {
    pub paging: Paging,
    pub size: usize,
    pub newest_first: bool,
    pub step: Option<&'static str>,
    pub windowed: bool,
    /// Rows are dated by day.
    pub dates: bool,
    pub parts: usize,
    pub told: Told,
    pub says_more: bool,
    pub stops_by_record: bool,
    pub reconcile: bool,
    pub lookback: Option<&'static str>,
    pub runs: usize,
    pub quirk: Quirk,
    pub during: During,
    pub between: Between,
    /// Rows have no id and repeat each other.
    pub alike: bool,
}

impl Shape {
    /// One list with dates, by token.
    pub const PLAIN: Self = Self {
        paging: Paging::Token,
        size: 20,
        newest_first: false,
        step: None,
        windowed: true,
        dates: false,
        parts: 0,
        told: Told::No,
        says_more: false,
        stops_by_record: false,
        reconcile: false,
        lookback: None,
        runs: 1,
        quirk: Quirk::None,
        during: During::Nothing,
        between: Between::Nothing,
        alike: false,
    };
}

impl Default for Shape {
    fn default() -> Self {
        Self::PLAIN
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub id: u64,
    pub part: usize,
    /// In seconds.
    pub at: i64,
}
