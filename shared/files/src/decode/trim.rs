//! Leaves out blanks around fields that are not quoted.

use std::io::{self, BufRead};

use super::csv::Dialect;

/// Where in a field a byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Plain,
    Quoted,
    Escaped,
    Closed,
}

/// Rows without blanks around unquoted fields.
pub(super) struct Trimmed<'r> {
    reader: &'r mut dyn BufRead,
    dialect: Dialect,
    place: Place,
    /// Blanks that may be inside of a field.
    blanks: Vec<u8>,
    clean: Vec<u8>,
    taken: usize,
}

impl<'r> Trimmed<'r> {
    pub(super) fn new(reader: &'r mut dyn BufRead, dialect: Dialect) -> Self {
        let (blanks, clean) = (Vec::new(), Vec::new());
        Self { reader, dialect, place: Place::Start, blanks, clean, taken: 0 }
    }

    fn is_blank(&self, byte: u8) -> bool {
        byte == b' ' || byte == b'\t' && self.dialect.delimiter != b'\t'
    }

    fn take(&mut self, byte: u8) {
        let Dialect { delimiter, quote, escape } = self.dialect;
        let ends = byte == delimiter || byte == b'\n' || byte == b'\r';
        self.place = match self.place {
            Place::Quoted if Some(byte) == escape => Place::Escaped,
            Place::Quoted if Some(byte) == quote => Place::Closed,
            Place::Quoted | Place::Escaped => Place::Quoted,
            Place::Closed if Some(byte) == quote && escape.is_none() => Place::Quoted,
            Place::Start | Place::Plain | Place::Closed if ends => {
                self.blanks.clear();
                Place::Start
            }
            Place::Start if self.is_blank(byte) => return,
            Place::Plain | Place::Closed if self.is_blank(byte) => {
                self.blanks.push(byte);
                return;
            }
            Place::Start if Some(byte) == quote => Place::Quoted,
            Place::Start | Place::Plain | Place::Closed => {
                self.clean.append(&mut self.blanks);
                Place::Plain
            }
        };
        self.clean.push(byte);
    }
}

impl io::Read for Trimmed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Trimmed<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.taken == self.clean.len() {
            self.clean.clear();
            self.taken = 0;
            let raw = self.reader.fill_buf()?.to_vec();
            if raw.is_empty() {
                break;
            }
            for byte in &raw {
                self.take(*byte);
            }
            self.reader.consume(raw.len());
        }
        Ok(self.clean.get(self.taken..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.taken += amount;
    }
}
