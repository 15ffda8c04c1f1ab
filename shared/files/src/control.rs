//! Control files: what a partner says of a file, beside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::refusal::{Code, Refusal};

/// Most bytes of a control file.
pub const MAX_CONTROL: usize = 64 * 1024;

/// What a control file says: `file=…;records=…;amount_sum=…;sha256=…;bytes=…`, between semicolons
/// or on lines of their own. An empty one says that the file is there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Control {
    /// Name of the file it is about.
    pub file: Option<String>,
    /// Records in it.
    pub records: Option<u64>,
    /// Sum of the kind's `total` column.
    pub total: Option<Decimal>,
    /// Digest of the file as it lies there, in hexadecimal digits.
    pub sha256: Option<String>,
    /// Its size.
    pub bytes: Option<u64>,
    /// All it says, by names in lower case.
    pub fields: BTreeMap<String, String>,
}

impl Control {
    /// Reads a control file.
    pub fn parse(marker: &str, body: &[u8]) -> Result<Self, Refusal> {
        let refuse = |reason: String| {
            let message = format!("the control file `{marker}` {reason}");
            Refusal::new(Code::Control, message)
        };
        let text = std::str::from_utf8(body).map_err(|_| refuse("is not text".to_owned()))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut control = Self::default();
        for field in text.split([';', '\n']).map(str::trim).filter(|field| !field.is_empty()) {
            let Some((name, value)) = field.split_once(['=', ':']) else {
                return Err(refuse("has a field without `=`; write records=N;sha256=…".to_owned()));
            };
            let (name, value) = (name.trim().to_lowercase(), value.trim().to_owned());
            let number = || {
                let number = value.parse::<u64>();
                number.map_err(|_| refuse(format!("has `{name}` that is no whole number")))
            };
            match name.as_str() {
                "file" => control.file = Some(value.clone()),
                "records" => control.records = Some(number()?),
                "bytes" => control.bytes = Some(number()?),
                "sha256" => control.sha256 = Some(value.to_lowercase()),
                "amount_sum" | "control_total" => {
                    let total = Decimal::parse(&value);
                    let total =
                        total.ok_or_else(|| refuse(format!("has `{name}` that is no number")))?;
                    control.total = Some(total);
                }
                _ => {}
            }
            control.fields.insert(name, value);
        }
        Ok(control)
    }

    /// Whether the file as it lies there is the one that is meant.
    pub fn check(&self, name: &str, bytes: u64, sha256: &str) -> Result<(), Refusal> {
        if let Some(file) = self.file.as_deref().filter(|file| *file != name) {
            let message = format!("the control file beside `{name}` is about `{file}`");
            return Err(Refusal::new(Code::Control, message));
        }
        if let Some(announced) = self.bytes.filter(|announced| *announced != bytes) {
            let message = format!("{bytes} bytes arrived, the control file announces {announced}");
            return Err(Refusal::new(Code::Checksum, message));
        }
        if let Some(announced) = self.sha256.as_deref().filter(|announced| *announced != sha256) {
            let message =
                format!("the bytes' SHA-256 is {sha256}, the control file announces {announced}");
            return Err(Refusal::new(Code::Checksum, message));
        }
        Ok(())
    }
}
