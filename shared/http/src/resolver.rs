//! Name resolution that asks the policy: a connection is made only to an address that passed, so
//! there is no moment between the check and the use in which a name could change its mind.

use std::fmt::Debug;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::policy::{Forbidden, Policy};

/// What a look-up gives: addresses, or why there are none.
pub(crate) type Found = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;

/// Looks a name up.
pub(crate) trait LookUp: Debug + Send + Sync + 'static {
    /// All addresses of a name.
    fn look_up(&self, name: &str) -> Found;
}

/// The system's resolver.
#[derive(Debug)]
pub(crate) struct System;

impl LookUp for System {
    fn look_up(&self, name: &str) -> Found {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Looks names up and leaves out what the policy forbids.
#[derive(Debug, Clone)]
pub(crate) struct Guarded {
    pub(crate) policy: Policy,
    pub(crate) names: Arc<dyn LookUp>,
}

impl Guarded {
    async fn addresses(self, name: String) -> Result<Vec<SocketAddr>, BoxError> {
        let bare = name.trim_end_matches('.').to_ascii_lowercase();
        let mut forbidden = None;
        let mut allowed = Vec::new();
        for ip in self.names.look_up(&name).await? {
            match self.policy.judge_address(&bare, ip) {
                Ok(()) => allowed.push(SocketAddr::new(ip, 0)),
                Err(verdict) => forbidden = Some(verdict),
            }
        }
        match (allowed.is_empty(), forbidden) {
            (false, _) => Ok(allowed),
            (true, Some(verdict)) => Err(Box::new(verdict)),
            (true, None) => Err("the name has no address".into()),
        }
    }
}

/// Why a host cannot be connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// The policy forbids it.
    #[error("{0}")]
    Forbidden(String),
    /// Its name has no address, or nobody can tell.
    #[error("{0}")]
    Unknown(String),
}

impl Policy {
    /// The addresses of a host that may be connected to on that port, by protocols other than
    /// HTTP. The connection has to be made to one of these, not to the name.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Unresolved> {
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let forbidden = |Forbidden(reason)| Unresolved::Forbidden(reason);
        self.judge_port(&name, port).map_err(forbidden)?;
        let guarded = Guarded { policy: self.clone(), names: Arc::new(System) };
        let found =
            guarded.addresses(name).await.map_err(|error| match verdict(error.as_ref()) {
                Some(Forbidden(reason)) => Unresolved::Forbidden(reason.clone()),
                None => Unresolved::Unknown(error.to_string()),
            })?;
        Ok(found.into_iter().map(|at| SocketAddr::new(at.ip(), port)).collect())
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, name) = (self.clone(), name.as_str().to_owned());
        Box::pin(async move {
            let found = resolver.addresses(name).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The policy's verdict inside an error, when it is the cause.
pub(crate) fn verdict<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Forbidden> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(verdict) = error.downcast_ref() {
            return Some(verdict);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Book(&'static [[u8; 4]]);

    impl LookUp for Book {
        fn look_up(&self, _: &str) -> Found {
            let found = self.0.iter().map(|octets| IpAddr::from(*octets)).collect();
            Box::pin(async move { Ok(found) })
        }
    }

    async fn resolve(book: &'static [[u8; 4]]) -> Result<Vec<SocketAddr>, BoxError> {
        let guarded = Guarded { policy: Policy::public(), names: Arc::new(Book(book)) };
        guarded.addresses("api.example.com".to_owned()).await
    }

    #[tokio::test]
    async fn forbidden_addresses_are_left_out() {
        let found = resolve(&[[10, 0, 0, 1], [1, 1, 1, 1]]).await.unwrap();
        assert_eq!(found, [SocketAddr::from(([1, 1, 1, 1], 0))]);
    }

    #[tokio::test]
    async fn a_name_with_forbidden_addresses_only_is_refused() {
        let fault = resolve(&[[169, 254, 169, 254], [127, 0, 0, 1]]).await.unwrap_err();
        assert!(verdict(fault.as_ref()).is_some());
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_unreachable_not_forbidden() {
        assert!(verdict(resolve(&[]).await.unwrap_err().as_ref()).is_none());
    }
}
