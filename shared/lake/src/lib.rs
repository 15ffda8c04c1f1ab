//! The lake: keys, lines, codecs, commits, tables and views.
//!
//! Everything here is a pure function of bytes and names; what reads and writes objects is
//! elsewhere. A landing object becomes data only when a commit names it.

mod absent;
pub mod commit;
pub mod curated;
pub mod ddl;
pub mod delivery;
mod digest;
mod fold;
pub mod key;
pub mod line;
mod model_table;
pub mod part;
mod shown;
pub mod table;
pub mod view;

pub use absent::Absent;
pub use commit::{Commit, CommitError, Generation, Mode, PartRef};
pub use digest::{DigestError, RecordsDigest, Sha256Hex};
pub use fold::{Row, latest_rows, visible_parts};
pub use key::{
    Attempt, CommitKey, KeyFault, LandingKey, Month, PartitionDigest, SliceStart, commits_prefix,
    landing_prefix, met_prefix,
};
pub use line::{Line, LineContext, LineError, LineHeader, RowKey, write_line, write_tombstone};
pub use model_table::{MODEL_COLUMNS, ModelTable, THING_COLUMNS};
pub use part::{Codec, Limits, LineReader, Part, PartWriter, ReadError, WriteError};
pub use shown::{Compared, Shown};
pub use table::{Column, Kind, StreamTable};
