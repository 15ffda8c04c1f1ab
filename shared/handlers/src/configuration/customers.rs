//! What only shows when customers' files are read beside the others.

use std::collections::BTreeMap;

use model::TenantId;
use model::config::CustomerFile;
use model::document::{Document, Fault, Node};

use super::check::gather;
use super::{Configuration, Error, meant};

impl Configuration {
    /// Tenants without a file, views that nothing makes, and customers one of whom would find the
    /// other's copies among its own.
    pub(super) async fn check_customers(
        &self,
        tenants: &[TenantId],
        faults: &mut Vec<Fault>,
    ) -> Result<(), Error> {
        let mut files = BTreeMap::new();
        for customer in self.customers().await? {
            if let Some(file) = gather(self.customer(&customer).await, faults)? {
                let key = self.key("customers", &customer, ".yaml")?;
                let (_, document) = self.document(&key).await?;
                files.insert(customer, (file, document));
            }
        }
        let views = match self.relations().await {
            Ok(views) => Some(views.into_iter().map(|view| view.name).collect::<Vec<_>>()),
            // Sources or models that have faults are told where they stand.
            Err(Error::Faults(_)) => None,
            Err(error) => return Err(error),
        };
        for (name, (file, document)) in &files {
            check_tenants(file, document, tenants, faults);
            if let Some(views) = &views {
                check_views(file, document, views, faults);
            }
            let others = files.iter().filter(|(other, _)| *other != name);
            let other = others.map(|(other, (file, _))| (other, file)).find(|(_, other)| {
                let target = format!("{}/", other.target);
                format!("{}/", file.target).starts_with(&target)
            });
            if let Some((other, _)) = other {
                let message = format!("customer `{other}` would find these copies among its own");
                let node = document.root.get("target").unwrap_or(&document.root);
                faults.push(document.fault(node, "target", message));
            }
        }
        Ok(())
    }
}

fn items<'d>(document: &'d Document, field: &str) -> &'d [Node] {
    document.root.get(field).and_then(Node::items).unwrap_or_default()
}

fn check_tenants(
    file: &CustomerFile,
    document: &Document,
    tenants: &[TenantId],
    faults: &mut Vec<Fault>,
) {
    for (n, (tenant, node)) in file.tenants.iter().zip(items(document, "tenants")).enumerate() {
        if !tenants.contains(tenant) {
            let near = meant(tenant.as_str(), tenants);
            let message = format!("there is no tenant `{tenant}`{near}");
            faults.push(document.fault(node, &format!("tenants[{n}]"), message));
        }
    }
}

fn check_views(
    file: &CustomerFile,
    document: &Document,
    views: &[String],
    faults: &mut Vec<Fault>,
) {
    let wanted = file.relations.as_deref().unwrap_or_default();
    for (n, (view, node)) in wanted.iter().zip(items(document, "relations")).enumerate() {
        if !views.contains(view) {
            let near = meant(view, views);
            let message =
                format!("there is no view `{view}`{near}; there are: {}", views.join(", "));
            faults.push(document.fault(node, &format!("relations[{n}]"), message));
        }
    }
}
