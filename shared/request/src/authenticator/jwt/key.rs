//! Keys and the signatures made with them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{self, Ed25519KeyPair, RsaEncoding, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

/// How a token is signed (RFC 7518, 8037 and 8812).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Es256,
    Es256K,
    Es384,
    Es512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    EdDsa,
}

const ALL: [(&str, Algorithm); 14] = [
    ("HS256", Algorithm::Hs256),
    ("HS384", Algorithm::Hs384),
    ("HS512", Algorithm::Hs512),
    ("ES256", Algorithm::Es256),
    ("ES256K", Algorithm::Es256K),
    ("ES384", Algorithm::Es384),
    ("ES512", Algorithm::Es512),
    ("RS256", Algorithm::Rs256),
    ("RS384", Algorithm::Rs384),
    ("RS512", Algorithm::Rs512),
    ("PS256", Algorithm::Ps256),
    ("PS384", Algorithm::Ps384),
    ("PS512", Algorithm::Ps512),
    ("EdDSA", Algorithm::EdDsa),
];

/// How an encrypted key begins.
const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// Signs with a curve's key, in either of the two formats that such keys come in.
macro_rules! sign_on {
    ($curve:ident, $key:expr, $message:expr) => {{
        use $curve::ecdsa::signature::Signer as _;
        let secret = match $key {
            PrivateKeyDer::Sec1(der) => {
                $curve::SecretKey::from_sec1_der(der.secret_sec1_der()).ok()
            }
            PrivateKeyDer::Pkcs8(der) => {
                use pkcs8::DecodePrivateKey as _;
                $curve::SecretKey::from_pkcs8_der(der.secret_pkcs8_der()).ok()
            }
            _ => None,
        };
        let secret = secret.ok_or_else(|| not_fit("a private key of this curve"))?;
        let signature: $curve::ecdsa::Signature =
            $curve::ecdsa::SigningKey::from(secret).sign($message);
        Ok(signature.to_bytes().to_vec())
    }};
}

impl Algorithm {
    pub(super) const NAMES: [&'static str; 14] = [
        "HS256", "HS384", "HS512", "ES256", "ES256K", "ES384", "ES512", "RS256", "RS384", "RS512",
        "PS256", "PS384", "PS512", "EdDSA",
    ];

    pub(super) fn parse(name: &str) -> Option<Self> {
        ALL.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    pub(super) fn name(self) -> &'static str {
        ALL.iter().find(|(_, algorithm)| *algorithm == self).map_or("", |(name, _)| name)
    }

    /// The signature of a message; what is wrong with the key is said without quoting it.
    pub(super) fn sign(
        self,
        secret: &str,
        passphrase: Option<&str>,
        message: &[u8],
    ) -> Result<Vec<u8>, String> {
        let shared = |algorithm| shared(algorithm, secret, message);
        match self {
            Self::Hs256 => shared(hmac::HMAC_SHA256),
            Self::Hs384 => shared(hmac::HMAC_SHA384),
            Self::Hs512 => shared(hmac::HMAC_SHA512),
            _ => self.sign_with(&private_key(secret, passphrase)?, message),
        }
    }

    fn sign_with(self, key: &PrivateKeyDer<'_>, message: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Es256 => sign_on!(p256, key, message),
            Self::Es256K => sign_on!(k256, key, message),
            Self::Es384 => sign_on!(p384, key, message),
            Self::Es512 => sign_on!(p521, key, message),
            Self::EdDsa => edwards(key, message),
            Self::Rs256 => rsa(&signature::RSA_PKCS1_SHA256, key, message),
            Self::Rs384 => rsa(&signature::RSA_PKCS1_SHA384, key, message),
            Self::Rs512 => rsa(&signature::RSA_PKCS1_SHA512, key, message),
            Self::Ps256 => rsa(&signature::RSA_PSS_SHA256, key, message),
            Self::Ps384 => rsa(&signature::RSA_PSS_SHA384, key, message),
            Self::Ps512 => rsa(&signature::RSA_PSS_SHA512, key, message),
            Self::Hs256 | Self::Hs384 | Self::Hs512 => Err(not_fit("a shared secret")),
        }
    }
}

fn not_fit(wanted: &str) -> String {
    format!("`secret_key` must be {wanted} for this `algorithm`")
}

fn shared(algorithm: hmac::Algorithm, secret: &str, message: &[u8]) -> Result<Vec<u8>, String> {
    if secret.is_empty() || secret.contains("-----BEGIN ") || secret.starts_with("ssh-") {
        return Err(not_fit("a shared secret, neither empty nor a private or public key,"));
    }
    let key = hmac::Key::new(algorithm, secret.as_bytes());
    Ok(hmac::sign(&key, message).as_ref().to_vec())
}

fn private_key(secret: &str, passphrase: Option<&str>) -> Result<PrivateKeyDer<'static>, String> {
    if secret.contains(ENCRYPTED) {
        let passphrase = passphrase.ok_or("`secret_key` is encrypted and needs a `passphrase`")?;
        let der = decrypted(secret, passphrase).ok_or(
            "`secret_key` cannot be decrypted with its `passphrase`; PBES2 (PKCS #8) is accepted",
        )?;
        return Ok(PrivateKeyDer::Pkcs8(der.as_bytes().to_vec().into()));
    }
    if secret.contains("Proc-Type: 4,ENCRYPTED") {
        return Err("`secret_key` is encrypted in OpenSSL's old format; convert it with \
                    `openssl pkcs8 -topk8`"
            .to_owned());
    }
    PrivateKeyDer::from_pem_slice(secret.as_bytes()).map_err(|_| not_fit("a private key in PEM"))
}

fn decrypted(pem: &str, passphrase: &str) -> Option<SecretDocument> {
    let (_, behind) = pem.split_once(ENCRYPTED)?;
    let (text, _) = behind.split_once("-----END")?;
    let text: String = text.split_whitespace().collect();
    let der = STANDARD.decode(text).ok()?;
    EncryptedPrivateKeyInfoRef::try_from(der.as_slice()).ok()?.decrypt(passphrase).ok()
}

fn edwards(key: &PrivateKeyDer<'_>, message: &[u8]) -> Result<Vec<u8>, String> {
    let PrivateKeyDer::Pkcs8(der) = key else { return Err(not_fit("an Ed25519 private key")) };
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
    let pair = pair.map_err(|_| not_fit("an Ed25519 private key (Ed448 is not supported)"))?;
    Ok(pair.sign(message).as_ref().to_vec())
}

fn rsa(
    encoding: &'static dyn RsaEncoding,
    key: &PrivateKeyDer<'_>,
    message: &[u8],
) -> Result<Vec<u8>, String> {
    let pair = match key {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok(),
        _ => None,
    };
    let pair = pair.ok_or_else(|| not_fit("an RSA private key of 2048 to 4096 bits"))?;
    let mut signature = vec![0; pair.public().modulus_len()];
    let signed = pair.sign(encoding, &SystemRandom::new(), message, &mut signature);
    signed.map_err(|_| "the key gives no signature".to_owned())?;
    Ok(signature)
}
