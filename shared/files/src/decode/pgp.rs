//! Decryption.

use std::io::{self, BufReader, Read};

use pgp::composed::{
    DecryptionOptions, Deserializable, Message, SignedPublicKey, SignedSecretKey, TheRing,
};
use pgp::types::{Password, Seipdv1ReadMode};

use super::Plan;
use super::sniff::Inner;
use crate::refusal::{Code, Refusal, through};

/// Compressions inside of each other that are taken off.
const MAX_COMPRESSED: usize = 2;

/// The content of a message.
///
/// Plain text is read before the message's own check at its end. That is safe here: nothing is
/// accepted before the file was read to its end.
pub(super) fn decrypted(plan: &Plan, source: Inner) -> Result<Inner, Refusal> {
    let keys = &plan.keys;
    let Some(armored) = &keys.pgp_key else {
        let message = "it is encrypted, and the tenant has no `pgp_key` in the feed's `config`";
        return Err(Refusal::new(Code::Decrypt, message));
    };
    let (key, _) = SignedSecretKey::from_string(armored.expose())
        .map_err(|_| refuse("the tenant's `pgp_key` is no armored OpenPGP secret key"))?;
    let password = keys.pgp_passphrase.as_ref();
    let password = password.map_or_else(Password::empty, |text| text.expose().clone().into());
    let (message, _) =
        Message::from_reader(source).map_err(|_| refuse("it is no OpenPGP message"))?;
    let mut message = if message.is_encrypted() {
        let options = DecryptionOptions::new().set_seipdv1_read_mode(Seipdv1ReadMode::Streaming);
        let ring = TheRing {
            secret_keys: vec![&key],
            key_passwords: vec![&password],
            decrypt_options: options.enable_gnupg_aead(),
            ..TheRing::default()
        };
        let (message, _) = message.decrypt_the_ring(ring, true).map_err(|_| {
            refuse(
                "it cannot be decrypted with the tenant's key: was it encrypted for another one?",
            )
        })?;
        message
    } else {
        message
    };
    for _ in 0..MAX_COMPRESSED {
        if !message.is_compressed() {
            break;
        }
        message = message.decompress().map_err(|_| refuse("its content cannot be unpacked"))?;
    }
    let signer = signer(plan, &message)?;
    let content = Content { message, signer, checked: false };
    Ok(Inner::new(BufReader::with_capacity(64 * 1024, content)))
}

fn refuse(reason: &str) -> Refusal {
    Refusal::new(Code::Decrypt, reason)
}

/// Whose signature it must bear.
fn signer(plan: &Plan, message: &Message<'_>) -> Result<Option<SignedPublicKey>, Refusal> {
    if !plan.feed.encryption.signed {
        return Ok(None);
    }
    let refuse = |reason: &str| Refusal::new(Code::Signature, reason);
    let Some(armored) = &plan.keys.signer else {
        return Err(refuse("the feed wants signatures, and its `config` has no `signer`"));
    };
    let (key, _) = SignedPublicKey::from_string(armored)
        .map_err(|_| refuse("the `signer` is no armored OpenPGP public key"))?;
    if message.is_signed() {
        return Ok(Some(key));
    }
    Err(refuse("it is not signed, and the feed takes signed files only"))
}

struct Content {
    message: Message<'static>,
    signer: Option<SignedPublicKey>,
    checked: bool,
}

impl Content {
    /// Compares the signature, which stands behind the content.
    fn check(&self) -> Result<(), Refusal> {
        let Some(key) = &self.signer else { return Ok(()) };
        let subkeys = key.public_subkeys.iter();
        let holds = self.message.verify(&key.primary_key).is_ok()
            || subkeys.into_iter().any(|subkey| self.message.verify(&subkey.key).is_ok());
        if holds {
            return Ok(());
        }
        Err(Refusal::new(Code::Signature, "its signature is not the `signer`'s"))
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let torn = |_| through(refuse("the message is damaged or was cut off"));
        let read = self.message.read(buffer).map_err(torn)?;
        if read == 0 && !buffer.is_empty() && !self.checked {
            self.checked = true;
            self.check().map_err(through)?;
        }
        Ok(read)
    }
}
