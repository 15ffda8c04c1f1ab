//! A read into files: records as lines, the state beside them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use model::{Timestamp, encode_segment};
use serde_json::{Map, Value};

use super::message::{Sink, Status, no_place, stream_state};
use super::staging::FileReference;
use crate::error::Error;
use crate::file_uploader::FilePath;

/// Writes `DIR/<stream>/<start of the read>.ndjson`, one source record a line, and keeps the
/// state of all streams in one file. A state is written after the records that it describes.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    name: String,
    state_file: Option<PathBuf>,
    open: BTreeMap<String, BufWriter<File>>,
    states: BTreeMap<String, Map<String, Value>>,
}

impl Files {
    /// Into a folder; `states` are those that the read starts from.
    pub fn new(
        folder: &Path,
        state_file: Option<&Path>,
        states: BTreeMap<String, Map<String, Value>>,
        start: Timestamp,
    ) -> Self {
        let name = format!("{}.ndjson", start.strftime("%Y%m%dT%H%M%S%fZ"));
        Self {
            folder: folder.to_owned(),
            name,
            state_file: state_file.map(Path::to_owned),
            open: BTreeMap::new(),
            states,
        }
    }

    fn file(&mut self, stream: &str) -> Result<&mut BufWriter<File>, Error> {
        if !self.open.contains_key(stream) {
            let folder = self.folder.join(encode_segment(stream));
            fs::create_dir_all(&folder)?;
            let file = File::create_new(folder.join(&self.name))?;
            self.open.insert(stream.to_owned(), BufWriter::with_capacity(1 << 20, file));
        }
        self.open.get_mut(stream).ok_or_else(|| io::Error::other("file not open").into())
    }

    /// Replaces the state file whole: a reader sees the old one or the new one.
    fn save(&self) -> Result<(), Error> {
        let Some(path) = &self.state_file else { return Ok(()) };
        let states = self.states.iter().map(|(name, state)| {
            let mut message = stream_state(name, state);
            message.get_mut("state").map(Value::take).unwrap_or_default()
        });
        let text = serde_json::to_vec_pretty(&states.collect::<Vec<_>>());
        let draft = path.with_extension("draft");
        fs::write(&draft, text.map_err(io::Error::from)?)?;
        fs::rename(&draft, path)?;
        Ok(())
    }
}

impl Sink for Files {
    fn record(
        &mut self,
        stream: &str,
        record: &[u8],
        _: Option<&FileReference>,
        _: Timestamp,
    ) -> Result<(), Error> {
        let mut line = Vec::new();
        let one_line = !record.contains(&b'\n') && !record.contains(&b'\r');
        let line = if one_line {
            record
        } else {
            // Line breaks stand only between tokens: inside of texts JSON escapes them.
            line.extend(record.iter().filter(|b| !matches!(b, b'\n' | b'\r')));
            &line
        };
        let file = self.file(stream)?;
        file.write_all(line)?;
        file.write_all(b"\n")?;
        Ok(())
    }

    fn file(&mut self, _: &FilePath, _: &[u8]) -> io::Result<FileReference> {
        Err(no_place("lines have no place for it; messages have: read without `--to`"))
    }

    fn state(&mut self, stream: &str, state: &Map<String, Value>, _: u64) -> Result<(), Error> {
        if let Some(file) = self.open.get_mut(stream) {
            file.flush()?;
        }
        self.states.insert(stream.to_owned(), state.clone());
        self.save()
    }

    fn status(&mut self, stream: &str, status: Status, _: Timestamp) -> Result<(), Error> {
        if matches!(status, Status::Complete | Status::Incomplete)
            && let Some(mut file) = self.open.remove(stream)
        {
            file.flush()?;
            file.get_ref().sync_all()?;
        }
        Ok(())
    }

    fn note(&mut self, stream: &str, text: &str) -> Result<(), Error> {
        tracing::warn!(stream, "{text}");
        Ok(())
    }

    fn error(&mut self, stream: &str, error: &Error, _: Timestamp) -> Result<(), Error> {
        tracing::error!(stream, %error, "stream not read whole");
        Ok(())
    }
}
