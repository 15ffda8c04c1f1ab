//! Who may call the CRM.

/// One customer of the CRM: its own entities, its own limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrmAccount {
    /// Which tenant calls with it.
    pub tenant: &'static str,
    /// OAuth client.
    pub client_id: &'static str,
    /// Its secret.
    pub client_secret: &'static str,
    /// What every call carries as `X-API-Key`, and what calls are counted by.
    pub api_key: &'static str,
}

const fn account(tenant: &'static str, texts: [&'static str; 3]) -> CrmAccount {
    let [client_id, client_secret, api_key] = texts;
    CrmAccount { tenant, client_id, client_secret, api_key }
}

static ACCOUNTS: [CrmAccount; 8] = [
    account("heron", ["heron-crm-71d0", "heron-crm-secret-5e02c8", "heron-crm-key-a41f"]),
    account("ibis", ["ibis-crm-3b6c", "ibis-crm-secret-90d7f1", "ibis-crm-key-c8e2"]),
    account(
        "bluebird",
        ["bluebird-crm-4f12", "bluebird-crm-secret-1c77aa", "bluebird-crm-key-0b93"],
    ),
    account("cedar", ["cedar-crm-88a5", "cedar-crm-secret-6f20de", "cedar-crm-key-5d1a"]),
    account("delta", ["delta-crm-c07e", "delta-crm-secret-b3348f", "delta-crm-key-e976"]),
    account("elm", ["elm-crm-19d3", "elm-crm-secret-77e5c0", "elm-crm-key-20fb"]),
    account("fern", ["fern-crm-a2b8", "fern-crm-secret-0d61e9", "fern-crm-key-94c7"]),
    account("gorse", ["gorse-crm-5ce4", "gorse-crm-secret-e81b36", "gorse-crm-key-3fa0"]),
];

/// All of them, in a fixed order.
pub fn crm_accounts() -> &'static [CrmAccount] {
    &ACCOUNTS
}

/// The account of that tenant.
pub(super) fn of_tenant(tenant: &str) -> Option<&'static CrmAccount> {
    ACCOUNTS.iter().find(|account| account.tenant == tenant)
}

/// The account with that key.
pub(super) fn with_key(key: &str) -> Option<&'static CrmAccount> {
    ACCOUNTS.iter().find(|account| account.api_key == key)
}

/// The account of that client.
pub(super) fn of_client(id: &str, secret: &str) -> Option<&'static CrmAccount> {
    ACCOUNTS.iter().find(|account| account.client_id == id && account.client_secret == secret)
}
