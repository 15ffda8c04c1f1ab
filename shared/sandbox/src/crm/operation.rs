//! The three operations.

use serde::{Deserialize, Serialize};

/// What a batch asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Operation {
    /// New customers.
    #[serde(rename = "ADD_CUST")]
    AddCustomers,
    /// Changes of customers.
    #[serde(rename = "UPD_CUST")]
    UpdateCustomers,
    /// New transactions.
    #[serde(rename = "ADD_TRX")]
    AddTransactions,
}

impl Operation {
    pub(super) const ALL: [Self; 3] =
        [Self::AddCustomers, Self::UpdateCustomers, Self::AddTransactions];

    /// The last part of its path.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.path() == path)
    }

    fn path(self) -> &'static str {
        match self {
            Self::AddCustomers => "customers:batchAdd",
            Self::UpdateCustomers => "customers:batchUpdate",
            Self::AddTransactions => "transactions:batchAdd",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AddCustomers => "ADD_CUST",
            Self::UpdateCustomers => "UPD_CUST",
            Self::AddTransactions => "ADD_TRX",
        }
    }

    /// The key of an item that holds its content.
    pub(super) fn content_key(self) -> &'static str {
        match self {
            Self::AddCustomers | Self::UpdateCustomers => "customer",
            Self::AddTransactions => "transaction",
        }
    }
}
