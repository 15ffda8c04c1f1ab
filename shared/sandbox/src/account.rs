//! Who has an account at which provider, with which keys and which data.

mod directory;

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;

pub use directory::accounts;

/// A stream of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Rutter orders.
    Orders,
    /// Rutter customers.
    Customers,
    /// Rutter products.
    Products,
    /// Rutter payment transactions.
    Transactions,
    /// Rutter accounting invoices.
    Invoices,
    /// Metrc plants, or Stashstock's.
    Plants,
    /// Metrc packages.
    Packages,
    /// Metrc harvests.
    Harvests,
    /// Machines, as a vendor of agents sees them.
    Hosts,
}

impl Stream {
    const ALL: [Self; 9] = [
        Self::Orders,
        Self::Customers,
        Self::Products,
        Self::Transactions,
        Self::Invoices,
        Self::Plants,
        Self::Packages,
        Self::Harvests,
        Self::Hosts,
    ];

    /// Its name in manifests and addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Customers => "customers",
            Self::Products => "products",
            Self::Transactions => "transactions",
            Self::Invoices => "invoices",
            Self::Plants => "plants",
            Self::Packages => "packages",
            Self::Harvests => "harvests",
            Self::Hosts => "hosts",
        }
    }

    /// The lists between which rows move as they age, in the order in which they do.
    pub(crate) fn lists(self) -> &'static [&'static str] {
        match self {
            Self::Plants => &["vegetative", "flowering", "onhold", "inactive"],
            Self::Packages => &["active", "onhold", "intransit", "inactive"],
            Self::Harvests => &["active", "onhold", "inactive"],
            _ => &[],
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Stream {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let accepted = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|stream| stream.name() == name)
            .ok_or_else(|| UnknownName { name: name.to_owned(), accepted: accepted() })
    }
}

/// A name that stands for nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not known; known are: {accepted}")]
pub struct UnknownName {
    name: String,
    accepted: String,
}

/// A set of client credentials at Rutter: one rate limit, many connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Organisation {
    /// Its id in answers.
    pub id: &'static str,
    /// User name of the Basic authorisation.
    pub client_id: &'static str,
    /// Password of the Basic authorisation.
    pub client_secret: &'static str,
}

/// How a facility's instants are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamps {
    /// `2024-05-01T07:15:22.1234567+00:00`.
    SevenDigits,
    /// `2024-05-01T00:15:22-07:00`, in the facility's zone.
    LocalSeconds,
}

/// A licensed place at Metrc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facility {
    /// `License.Number`.
    pub license: &'static str,
    /// Its name.
    pub name: &'static str,
    /// IANA name of its zone.
    pub zone: &'static str,
    /// The same zone in POSIX form, which needs no zone files.
    pub posix: &'static str,
    /// Whether its licence lets it grow plants.
    pub grows: bool,
    /// How its instants are written.
    pub stamps: Stamps,
}

impl Facility {
    pub(crate) fn time_zone(&self) -> TimeZone {
        TimeZone::posix(self.posix).unwrap_or(TimeZone::UTC)
    }
}

/// What a provider knows an account by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// One merchant on one platform.
    Rutter {
        /// Whose client credentials reach it.
        organisation: &'static Organisation,
        /// Id of the connection.
        connection_id: &'static str,
        /// Its access token.
        access_token: &'static str,
        /// Where the merchant sells or keeps books.
        platform: &'static str,
    },
    /// A person's permissions, used through an integrator.
    Metrc {
        /// Two letters.
        state: &'static str,
        /// Key of the integrator; shared by its customers.
        vendor_key: &'static str,
        /// Key of the person.
        user_key: &'static str,
    },
    /// A token for the inventories of hosts.
    Hosts {
        /// The token.
        token: &'static str,
    },
    /// A key for one state.
    Stashstock {
        /// Two letters.
        state: &'static str,
        /// The key.
        api_key: &'static str,
    },
}

/// How much data an account has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// As many rows as a large merchant's.
    Large,
    /// As many as a small one's.
    Small,
}

/// One tenant's access to one provider, with the rows behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// `<tenant>-<connection>`: its name in the admin endpoints.
    pub name: &'static str,
    /// The tenant.
    pub tenant: &'static str,
    /// The tenant's connection.
    pub connection: &'static str,
    /// The source that pulls it: `rutter`, `metrc`, `stashstock`, or a vendor of agents.
    pub source: &'static str,
    /// Path under the sandbox's address that its `base_url` ends with.
    pub base_path: &'static str,
    /// What it is known by.
    pub credentials: Credentials,
    /// Its licensed places.
    pub facilities: &'static [Facility],
    /// The streams that it has; others are refused as the provider refuses them.
    pub streams: &'static [Stream],
    /// The tenant's secrets that its configuration refers to: name and value.
    pub secrets: &'static [(&'static str, &'static str)],
    /// How much data it has.
    pub weight: Weight,
}

impl Account {
    /// The account of that name.
    pub fn named(name: &str) -> Result<&'static Self, UnknownName> {
        let accepted = || accounts().iter().map(|a| a.name).collect::<Vec<_>>().join(", ");
        accounts()
            .iter()
            .find(|account| account.name == name)
            .ok_or_else(|| UnknownName { name: name.to_owned(), accepted: accepted() })
    }

    /// The account behind a tenant's connection.
    pub fn of(tenant: &str, connection: &str) -> Option<&'static Self> {
        accounts().iter().find(|a| a.tenant == tenant && a.connection == connection)
    }

    pub(crate) fn facility(&self, license: &str) -> Option<&'static Facility> {
        self.facilities.iter().find(|facility| facility.license == license)
    }
}
