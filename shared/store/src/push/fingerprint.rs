//! Which entities a batch touches, in few bytes.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Digits of one fingerprint.
const DIGITS: usize = 16;

/// The entities of a batch, 64 bits each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprints(Vec<u64>);

impl Fingerprints {
    /// The fingerprint of one entity.
    pub fn of(entity: &str) -> u64 {
        let digest = Sha256::digest(entity.as_bytes());
        digest.iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte))
    }

    /// Whether some entity is in both.
    pub fn meet(&self, others: &std::collections::HashSet<u64>) -> bool {
        self.0.iter().any(|print| others.contains(print))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<u64> for Fingerprints {
    fn from_iter<I: IntoIterator<Item = u64>>(prints: I) -> Self {
        let mut prints: Vec<u64> = prints.into_iter().collect();
        prints.sort_unstable();
        prints.dedup();
        Self(prints)
    }
}

impl Serialize for Fingerprints {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits: Vec<String> = self.0.iter().map(|print| format!("{print:016x}")).collect();
        serializer.serialize_str(&digits.concat())
    }
}

impl<'de> Deserialize<'de> for Fingerprints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let print = |digits: &[u8]| {
            let digits = std::str::from_utf8(digits).ok()?;
            u64::from_str_radix(digits, 16).ok()
        };
        let prints = text.as_bytes().chunks(DIGITS).map(print).collect::<Option<_>>();
        let fault = || serde::de::Error::custom("not a list of fingerprints");
        prints.map(Self).ok_or_else(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_stored_as_hexadecimal_digits() {
        let prints: Fingerprints = [7, 0xffff_0000, 7].into_iter().collect();
        let text = serde_json::to_string(&prints).unwrap();
        assert_eq!(text, r#""000000000000000700000000ffff0000""#);
        assert_eq!(serde_json::from_str::<Fingerprints>(&text).unwrap(), prints);
        assert!(serde_json::from_str::<Fingerprints>(r#""0x""#).is_err());
    }
}
