//! The same worlds with nothing of the pipeline replaced: configuration files, the manifest's
//! interpreter, retries and waits of its own.

use std::sync::Arc;

use handlers::configuration::Configuration;
use ports::{Attributes, ObjectStore};
use testkit::MemoryStore;
use testkit::sim::{MANIFEST, TOKEN, World};

use crate::cast::TENANTS;

/// A configuration folder for the world's provider.
pub fn configuration(world: &World) -> Arc<Configuration> {
    let store = Arc::new(MemoryStore::default());
    let folder = Arc::clone(&store);
    world.block_on(async move {
        let tenant = format!(
            "connections:\n  main:\n    source: simulated\n    config: \
             {{api_token: {TOKEN}, start_date: \"2049-12-12T00:00:00Z\"}}\n    \
             schedule: {{every: 1h}}\n    parallel: 2\n    \
             streams: [{{name: items, reconcile: {{every: 2 runs}}}}, kinds]\n"
        );
        let mut files = vec![
            ("sources/simulated.yaml".to_owned(), MANIFEST.to_owned()),
            ("headwater.yaml".to_owned(), "compression: none\n".to_owned()),
        ];
        files.extend(TENANTS.iter().map(|id| (format!("tenants/{id}.yaml"), tenant.clone())));
        for (key, text) in files {
            let key = key.parse().unwrap();
            folder.put(&key, text.into(), &Attributes::default()).await.unwrap();
        }
    });
    Arc::new(Configuration::new(store, ""))
}
