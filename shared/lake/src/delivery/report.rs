//! Where reports stand.

use model::{ObjectKey, TenantId};

use super::name::Day;
use crate::key::{KeyFault, canonical};

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Page {
    /// For programs.
    Json,
    /// For people: one page that needs nothing but itself.
    Html,
}

/// What became of the files that a tenant's partners delivered on a day. It is replaced while
/// there is news.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportKey {
    /// Tenant.
    pub tenant: TenantId,
    /// Day of acceptance.
    pub day: Day,
    /// Form.
    pub page: Page,
}

const REPORTS: &str = "reports/";

impl ReportKey {
    /// The key as stores take it.
    pub fn render(&self) -> Result<ObjectKey, KeyFault> {
        let Self { tenant, day, page } = self;
        let ending = match page {
            Page::Json => "json",
            Page::Html => "html",
        };
        let key = format!("{REPORTS}tenant={tenant}/date={day}/report.{ending}");
        Ok(ObjectKey::try_from(key)?)
    }

    /// Reads a key back.
    pub fn parse(key: &ObjectKey) -> Result<Self, KeyFault> {
        let parse = || {
            let (tenant, rest) = key.as_str().strip_prefix(REPORTS)?.split_once('/')?;
            let (day, name) = rest.split_once('/')?;
            let page = match name {
                "report.json" => Page::Json,
                "report.html" => Page::Html,
                _ => return None,
            };
            Some(Self {
                tenant: tenant.strip_prefix("tenant=")?.parse().ok()?,
                day: day.strip_prefix("date=")?.parse().ok()?,
                page,
            })
        };
        canonical(parse(), Self::render, key, "the key of a report")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_reports_are_pinned_and_read_back() {
        for (page, expected) in [
            (Page::Json, "reports/tenant=heron/date=2026-01-02/report.json"),
            (Page::Html, "reports/tenant=heron/date=2026-01-02/report.html"),
        ] {
            let (tenant, day) = ("heron".parse().unwrap(), "2026-01-02".parse().unwrap());
            let key = ReportKey { tenant, day, page };
            assert_eq!(key.render().unwrap().as_str(), expected);
            assert_eq!(ReportKey::parse(&expected.parse().unwrap()).unwrap(), key);
        }
    }
}
