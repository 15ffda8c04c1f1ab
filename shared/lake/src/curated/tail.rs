//! How many rows a Parquet file has, from its last bytes: also of files that others wrote.

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaDataReader;

use super::CuratedError;

/// What the last bytes of a file tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Its rows.
    Rows(u64),
    /// That more of them are needed.
    TooShort {
        /// So many of the last bytes will do.
        bytes: usize,
    },
}

/// Reads the last bytes of a file of this size.
pub fn rows_of_tail(tail: &Bytes, size: u64) -> Result<Tail, CuratedError> {
    let mut reader = ParquetMetaDataReader::new();
    match reader.try_parse_sized(tail, size) {
        Ok(()) => {
            let rows = reader.finish()?.file_metadata().num_rows();
            Ok(Tail::Rows(u64::try_from(rows).unwrap_or_default()))
        }
        Err(ParquetError::NeedMoreData(bytes)) if bytes > tail.len() && bytes as u64 <= size => {
            Ok(Tail::TooShort { bytes })
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Column, CuratedWriter, Kind, Value};
    use super::*;

    fn file(rows: u64) -> Bytes {
        let mut writer = CuratedWriter::new(&[Column::optional("id", Kind::Text)]).unwrap();
        for _ in 0..rows {
            writer.write([Value::Text("a")]).unwrap();
        }
        writer.finish().unwrap().body
    }

    #[test]
    fn rows_are_counted_from_as_few_bytes_as_there_need_be() {
        let file = file(1000);
        let size = file.len() as u64;
        let tail = |bytes: usize| file.slice(file.len() - bytes..);
        assert_eq!(rows_of_tail(&file, size).unwrap(), Tail::Rows(1000));
        let Tail::TooShort { bytes } = rows_of_tail(&tail(8), size).unwrap() else { panic!() };
        assert_eq!(rows_of_tail(&tail(bytes), size).unwrap(), Tail::Rows(1000));
    }

    #[test]
    fn what_is_no_parquet_is_refused() {
        let text = Bytes::from("not Parquet at all, not at all");
        assert!(rows_of_tail(&text, text.len() as u64).is_err());
        let file = file(1);
        let cut = file.slice(..file.len() - 1);
        assert!(rows_of_tail(&cut, cut.len() as u64).is_err());
    }
}
