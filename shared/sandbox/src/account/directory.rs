//! The accounts themselves.

use super::{Account, Credentials, Facility, Organisation, Stamps, Stream, Weight};

const COMMERCE: &[Stream] =
    &[Stream::Orders, Stream::Customers, Stream::Products, Stream::Transactions];
const CULTIVATION: &[Stream] = &[Stream::Plants, Stream::Packages, Stream::Harvests];
const GORSE_TOKEN: &str = "gorse-hosts-token-2b90";
const VENDOR_KEY: &str = "vendor-key-headwater-6c1f";

/// Serves two tenants: their calls share one limit.
static HARBOR: Organisation = Organisation {
    id: "0b7f6d1e-52a5-4c63-9a0e-6f2f1f3f8a01",
    client_id: "harbor-client-2f41",
    client_secret: "harbor-secret-93be70",
};

static GROVE: Organisation = Organisation {
    id: "4d1c9c1b-8a90-4b0d-8f7c-2a1b7f0c9e02",
    client_id: "grove-client-77a0",
    client_secret: "grove-secret-1d52c4",
};

const COLORADO: &[Facility] = &[Facility {
    license: "403R-00117",
    name: "Cedar Creek Cultivation",
    zone: "America/Denver",
    posix: "MST7MDT,M3.2.0,M11.1.0",
    grows: true,
    stamps: Stamps::SevenDigits,
}];

const OREGON: &[Facility] = &[
    Facility {
        license: "020-10012345678",
        name: "Delta Farm North",
        zone: "America/Los_Angeles",
        posix: "PST8PDT,M3.2.0,M11.1.0",
        grows: true,
        stamps: Stamps::SevenDigits,
    },
    Facility {
        license: "020-10087654321",
        name: "Delta Farm South",
        zone: "America/Los_Angeles",
        posix: "PST8PDT,M3.2.0,M11.1.0",
        grows: true,
        stamps: Stamps::LocalSeconds,
    },
    Facility {
        license: "050-10055500011",
        name: "Delta Shop",
        zone: "America/Los_Angeles",
        posix: "PST8PDT,M3.2.0,M11.1.0",
        grows: false,
        stamps: Stamps::SevenDigits,
    },
];

const CALIFORNIA: &[Facility] = &[
    Facility {
        license: "C11-0000123-LIC",
        name: "Elm Greenhouse",
        zone: "America/Los_Angeles",
        posix: "PST8PDT,M3.2.0,M11.1.0",
        grows: true,
        stamps: Stamps::SevenDigits,
    },
    Facility {
        license: "C11-0000456-LIC",
        name: "Elm Nursery",
        zone: "America/Los_Angeles",
        posix: "PST8PDT,M3.2.0,M11.1.0",
        grows: true,
        stamps: Stamps::LocalSeconds,
    },
];

static ACCOUNTS: [Account; 10] = [
    Account {
        name: "bluebird-shop",
        tenant: "bluebird",
        connection: "shop",
        source: "rutter",
        base_path: "/rutter/versioned",
        credentials: Credentials::Rutter {
            organisation: &HARBOR,
            connection_id: "8f14e45f-ceea-467f-a9d2-1c0f3a1b2c01",
            access_token: "bluebird-shop-token-51c2",
            platform: "SHOPIFY",
        },
        facilities: &[],
        streams: COMMERCE,
        secrets: &[
            ("rutter-client-id", "harbor-client-2f41"),
            ("rutter-client-secret", "harbor-secret-93be70"),
            ("shop-access-token", "bluebird-shop-token-51c2"),
        ],
        weight: Weight::Large,
    },
    Account {
        name: "cedar-shop",
        tenant: "cedar",
        connection: "shop",
        source: "rutter",
        base_path: "/rutter/versioned",
        credentials: Credentials::Rutter {
            organisation: &HARBOR,
            connection_id: "8f14e45f-ceea-467f-a9d2-1c0f3a1b2c02",
            access_token: "cedar-shop-token-a0d7",
            platform: "WOO_COMMERCE",
        },
        facilities: &[],
        streams: COMMERCE,
        secrets: &[
            ("rutter-client-id", "harbor-client-2f41"),
            ("rutter-client-secret", "harbor-secret-93be70"),
            ("shop-access-token", "cedar-shop-token-a0d7"),
        ],
        weight: Weight::Small,
    },
    Account {
        name: "cedar-farm",
        tenant: "cedar",
        connection: "farm",
        source: "metrc",
        base_path: "/metrc/co",
        credentials: Credentials::Metrc {
            state: "co",
            vendor_key: VENDOR_KEY,
            user_key: "cedar-user-key-0f9e",
        },
        facilities: COLORADO,
        streams: CULTIVATION,
        secrets: &[("metrc-vendor-key", VENDOR_KEY), ("metrc-user-key", "cedar-user-key-0f9e")],
        weight: Weight::Small,
    },
    Account {
        name: "delta-farms",
        tenant: "delta",
        connection: "farms",
        source: "metrc",
        base_path: "/metrc/or",
        credentials: Credentials::Metrc {
            state: "or",
            vendor_key: VENDOR_KEY,
            user_key: "delta-user-key-b31a",
        },
        facilities: OREGON,
        streams: CULTIVATION,
        secrets: &[("metrc-vendor-key", VENDOR_KEY), ("metrc-user-key", "delta-user-key-b31a")],
        weight: Weight::Small,
    },
    Account {
        name: "elm-grow",
        tenant: "elm",
        connection: "grow",
        source: "stashstock",
        base_path: "/stashstock",
        credentials: Credentials::Stashstock { state: "ca", api_key: "elm-stash-key-7e44" },
        facilities: CALIFORNIA,
        streams: &[Stream::Plants],
        secrets: &[("stashstock-api-key", "elm-stash-key-7e44")],
        weight: Weight::Small,
    },
    Account {
        name: "fern-shop",
        tenant: "fern",
        connection: "shop",
        source: "rutter",
        base_path: "/rutter",
        credentials: Credentials::Rutter {
            organisation: &GROVE,
            connection_id: "8f14e45f-ceea-467f-a9d2-1c0f3a1b2c03",
            access_token: "fern-shop-token-66b8",
            platform: "SQUARE",
        },
        facilities: &[],
        streams: COMMERCE,
        secrets: &[
            ("rutter-client-id", "grove-client-77a0"),
            ("rutter-client-secret", "grove-secret-1d52c4"),
            ("shop-access-token", "fern-shop-token-66b8"),
        ],
        weight: Weight::Small,
    },
    Account {
        name: "fern-books",
        tenant: "fern",
        connection: "books",
        source: "rutter",
        base_path: "/rutter",
        credentials: Credentials::Rutter {
            organisation: &GROVE,
            connection_id: "8f14e45f-ceea-467f-a9d2-1c0f3a1b2c04",
            access_token: "fern-books-token-9d03",
            platform: "QUICKBOOKS",
        },
        facilities: &[],
        streams: &[Stream::Invoices],
        secrets: &[
            ("rutter-client-id", "grove-client-77a0"),
            ("rutter-client-secret", "grove-secret-1d52c4"),
            ("books-access-token", "fern-books-token-9d03"),
        ],
        weight: Weight::Small,
    },
    Account {
        name: "gorse-qualys",
        tenant: "gorse",
        connection: "qualys",
        source: "qualys",
        base_path: "/hosts",
        credentials: Credentials::Hosts { token: GORSE_TOKEN },
        facilities: &[],
        streams: &[Stream::Hosts],
        secrets: &[("hosts-token", GORSE_TOKEN)],
        weight: Weight::Small,
    },
    Account {
        name: "gorse-crowdstrike",
        tenant: "gorse",
        connection: "crowdstrike",
        source: "crowdstrike",
        base_path: "/hosts",
        credentials: Credentials::Hosts { token: GORSE_TOKEN },
        facilities: &[],
        streams: &[Stream::Hosts],
        secrets: &[("hosts-token", GORSE_TOKEN)],
        weight: Weight::Small,
    },
    Account {
        name: "gorse-tenable",
        tenant: "gorse",
        connection: "tenable",
        source: "tenable",
        base_path: "/hosts",
        credentials: Credentials::Hosts { token: GORSE_TOKEN },
        facilities: &[],
        streams: &[Stream::Hosts],
        secrets: &[("hosts-token", GORSE_TOKEN)],
        weight: Weight::Small,
    },
];

/// Every account. Their keys are constants: they open nothing but the sandbox.
pub fn accounts() -> &'static [Account] {
    &ACCOUNTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_tenant_and_connection() {
        for account in accounts() {
            assert_eq!(account.name, format!("{}-{}", account.tenant, account.connection));
        }
    }

    #[test]
    fn a_tenants_secrets_agree_wherever_they_are_repeated() {
        let all = || accounts().iter().flat_map(|a| a.secrets.iter().map(|s| (a.tenant, *s)));
        for (tenant, (name, value)) in all() {
            assert!(all().all(|(t, (n, v))| t != tenant || n != name || v == value), "{name}");
        }
    }
}
