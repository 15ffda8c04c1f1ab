//! The clauses of [`Secrets`].

#![expect(clippy::unwrap_used, reason = "a clause that does not hold panics")]

use model::{Classify, Retry, TenantId};
use ports::{SecretError, SecretPath, Secrets};

/// Tests an adapter of [`Secrets`](ports::Secrets): one `#[tokio::test]` a clause.
///
/// `entries => expression`: the expression, which may `await`, gives an adapter that holds
/// exactly `entries`, a `Vec<(SecretPath, String)>`. Call it in a module of its own.
#[macro_export]
macro_rules! secrets_contract {
    ($entries:ident => $new:expr) => {
        $crate::secrets_contract!(@ $entries, $new,
            a_secret_is_given_as_it_is
            a_missing_secret_is_named
            a_name_belongs_to_its_tenant
            a_secret_is_not_shown_by_debug
        );
    };
    (@ $entries:ident, $new:expr, $($clause:ident)*) => {
        $(
            #[tokio::test]
            async fn $clause() {
                let $entries = $crate::secrets::entries();
                let secrets = $new;
                $crate::secrets::$clause(&*secrets).await;
            }
        )*
    };
}

const TOKEN: &str = "s3cr3t-value";

/// What an adapter under test holds.
pub fn entries() -> Vec<(SecretPath, String)> {
    vec![
        (path("acme", "token"), TOKEN.to_owned()),
        (path("bluebird", "token"), "another".to_owned()),
        (path("acme", "json"), "{\"user\": \"ü\", \"password\": \" x\\ny \"}".to_owned()),
        (path("acme", "pem"), "-----BEGIN-----\nabc\n-----END-----".to_owned()),
    ]
}

fn path(tenant: &str, name: &str) -> SecretPath {
    let tenant: TenantId = tenant.parse().unwrap();
    SecretPath::resolve(&tenant, &name.parse().unwrap(), &[]).unwrap()
}

/// A secret is given to the byte.
pub async fn a_secret_is_given_as_it_is(secrets: &dyn Secrets) {
    for (path, value) in entries() {
        assert_eq!(secrets.get(&path).await.unwrap().expose(), &value, "{path}");
    }
}

/// A secret that is not there is named, and no retry heals it.
pub async fn a_missing_secret_is_named(secrets: &dyn Secrets) {
    for absent in [path("acme", "tok"), path("nobody", "token")] {
        let error = secrets.get(&absent).await.unwrap_err();
        assert!(matches!(&error, SecretError::Missing { path } if *path == absent), "{error:?}");
        assert_eq!(error.retry(), Retry::Never);
    }
}

/// The same name under another tenant is another secret.
pub async fn a_name_belongs_to_its_tenant(secrets: &dyn Secrets) {
    let given = secrets.get(&path("bluebird", "token")).await.unwrap();
    assert_eq!(given.expose(), "another");
    assert!(secrets.get(&path("bluebird", "json")).await.is_err());
}

/// Neither a secret nor its holder shows the value.
pub async fn a_secret_is_not_shown_by_debug(secrets: &dyn Secrets) {
    let given = secrets.get(&path("acme", "token")).await.unwrap();
    assert!(!format!("{given:?} {secrets:?}").contains(TOKEN));
}
