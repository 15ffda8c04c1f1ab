use serde_json::{Value as Json, json};

use super::*;
use crate::component::Faults;

/// Tokens that airbyte-cdk 7.39.1 signs at this instant, by name.
const GOLDEN: &str = include_str!("golden.txt");
const NOW: &str = "2024-01-06T12:00:00Z";

fn golden(name: &str) -> &'static str {
    GOLDEN.lines().find_map(|line| line.split_once(' ').filter(|(n, _)| *n == name)).unwrap().1
}

fn pem(name: &str) -> &'static str {
    match name {
        "es256" => include_str!("keys/es256.pem"),
        "es256k" => include_str!("keys/es256k.pem"),
        "es384" => include_str!("keys/es384.pem"),
        "es512" => include_str!("keys/es512.pem"),
        "eddsa" => include_str!("keys/eddsa.pem"),
        "rsa" => include_str!("keys/rsa.pem"),
        "rsa-3des" => include_str!("keys/rsa-3des.pem"),
        _ => include_str!("keys/rsa-encrypted.pem"),
    }
}

fn token(manifest: Json) -> Result<String, String> {
    let faults = Faults::default();
    let jwt = Jwt::build(&Component::new(manifest, "authenticator", 1, &faults));
    assert_eq!(faults.take(), []);
    let config = json!({"key": "s3cret", "num": "7", "acc": "é"});
    let context = Context::new(Value::from(&config), NOW.parse().unwrap());
    jwt.unwrap().token(NOW.parse().unwrap(), &context).map_err(|error| error.to_string())
}

fn with_key(algorithm: &str, key: &str) -> Json {
    json!({"type": "JwtAuthenticator", "algorithm": algorithm, "secret_key": pem(key)})
}

#[test]
fn tokens_are_those_of_the_reference() {
    let plain = json!({"algorithm": "HS256", "secret_key": "{{ config['key'] }}"});
    assert_eq!(token(plain).unwrap(), golden("plain"));
    let full = json!({
        "algorithm": "HS512", "secret_key": "{{ config['key'] }}", "token_duration": 60,
        "base64_encode_secret_key": true, "header_prefix": "Bearer",
        "jwt_headers": {"kid": "k1", "typ": "at+jwt"},
        "jwt_payload": {"iss": "{{ config['key'] }}", "sub": "{{ config['num'] }}", "aud": "a"},
        "additional_jwt_headers": {"z": "1", "a": "{{ config['acc'] }}"},
        "additional_jwt_payload": {
            "scope": "{{ config['num'] }}x", "n": 5, "gone": "{{ config['nope'] }}",
        },
    });
    assert_eq!(token(full).unwrap(), golden("b64"));
    for (algorithm, key) in
        [("RS256", "rsa"), ("RS384", "rsa"), ("RS512", "rsa"), ("EdDSA", "eddsa")]
    {
        assert_eq!(token(with_key(algorithm, key)).unwrap(), golden(algorithm));
    }
}

#[test]
fn encrypted_keys_are_opened_with_their_passphrase() {
    for key in ["rsa-encrypted", "rsa-3des"] {
        let mut manifest = with_key("RS256", key);
        manifest["passphrase"] = json!("word");
        assert_eq!(token(manifest.clone()).unwrap(), golden("enc"));
        manifest["passphrase"] = json!("wrong");
        assert!(token(manifest).unwrap_err().contains("cannot be decrypted"));
    }
}

/// Signatures with chance in them differ each time; what they say is checked with the key.
fn verified(algorithm: &str, key: &str, check: impl Fn(&[u8], &[u8]) -> bool) {
    let token = token(with_key(algorithm, key)).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let header = format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#);
    assert_eq!(signed.split_once('.').unwrap().0, URL_SAFE_NO_PAD.encode(header));
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert!(check(signed.as_bytes(), &signature), "{algorithm}");
}

macro_rules! verifies {
    ($curve:ident, $secret:expr) => {
        |message: &[u8], signature: &[u8]| {
            use $curve::ecdsa::signature::Verifier as _;
            let secret: $curve::SecretKey = $secret;
            let key = $curve::ecdsa::SigningKey::from(secret);
            let signature = $curve::ecdsa::Signature::from_slice(signature).unwrap();
            key.verifying_key().verify(message, &signature).is_ok()
        }
    };
}

fn der(key: &str) -> Vec<u8> {
    let text: String = pem(key).lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(text).unwrap()
}

#[test]
fn elliptic_signatures_are_verified_by_their_keys() {
    use pkcs8::DecodePrivateKey as _;
    let (es256, es256k, es384, es512) = (der("es256"), der("es256k"), der("es384"), der("es512"));
    verified("ES256", "es256", verifies!(p256, p256::SecretKey::from_pkcs8_der(&es256).unwrap()));
    verified("ES256K", "es256k", verifies!(k256, k256::SecretKey::from_sec1_der(&es256k).unwrap()));
    verified("ES384", "es384", verifies!(p384, p384::SecretKey::from_sec1_der(&es384).unwrap()));
    verified("ES512", "es512", verifies!(p521, p521::SecretKey::from_pkcs8_der(&es512).unwrap()));
}

#[test]
fn probabilistic_signatures_are_verified_by_their_keys() {
    use ring::signature::{self, KeyPair as _};
    let pair = signature::RsaKeyPair::from_der(&der("rsa")).unwrap();
    let known: [(&str, &dyn signature::VerificationAlgorithm); 3] = [
        ("PS256", &signature::RSA_PSS_2048_8192_SHA256),
        ("PS384", &signature::RSA_PSS_2048_8192_SHA384),
        ("PS512", &signature::RSA_PSS_2048_8192_SHA512),
    ];
    for (name, algorithm) in known {
        verified(name, "rsa", |message, found| {
            let key = signature::UnparsedPublicKey::new(algorithm, pair.public_key().as_ref());
            key.verify(message, found).is_ok()
        });
    }
}

#[test]
fn what_cannot_be_signed_is_said_without_the_key() {
    let wrong = |algorithm, key| token(with_key(algorithm, key)).unwrap_err();
    assert!(wrong("HS256", "rsa").contains("a shared secret"));
    assert!(wrong("RS256", "es256").contains("an RSA private key"));
    assert!(wrong("ES384", "es256").contains("a private key of this curve"));
    assert!(wrong("EdDSA", "rsa").contains("an Ed25519 private key"));
    assert!(wrong("RS256", "rsa-encrypted").contains("needs a `passphrase`"));
    let reserved = json!({
        "algorithm": "HS256", "secret_key": "k", "additional_jwt_payload": {"exp": 1},
    });
    assert!(token(reserved).unwrap_err().contains("`exp` is reserved"));
}
