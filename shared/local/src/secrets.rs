//! Secrets in files, or in variables.

use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use host::Vars;
use model::Secret;
use ports::{SecretError, SecretPath, Secrets};

/// Secrets as files `<folder>/<tenant>/<name>`, and, for those that have no file, as variables
/// `HEADWATER_SECRET_<TENANT>_<NAME>` in capitals with `_` for `-`.
///
/// One line end at the end of a file is not part of the secret.
#[derive(Debug)]
pub struct FolderSecrets {
    folder: PathBuf,
    vars: Vars,
}

impl FolderSecrets {
    /// Looks in this folder, then among these variables.
    pub fn new(folder: impl Into<PathBuf>, vars: Vars) -> Self {
        Self { folder: folder.into(), vars }
    }
}

#[async_trait]
impl Secrets for FolderSecrets {
    async fn get(&self, path: &SecretPath) -> Result<Secret<String>, SecretError> {
        let file = self.folder.join(path.tenant().as_str()).join(path.name());
        match tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await {
            Ok(Ok(text)) => Ok(Secret::new(without_line_end(text))),
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => self
                .vars
                .get(&variable(path))
                .map(Secret::new)
                .ok_or_else(|| SecretError::Missing { path: path.clone() }),
            Ok(Err(error)) => Err(SecretError::Unavailable { source: Box::new(error) }),
            Err(error) => Err(SecretError::Unavailable { source: Box::new(error) }),
        }
    }
}

/// The variable that may hold a secret.
fn variable(path: &SecretPath) -> String {
    format!("HEADWATER_SECRET_{}_{}", path.tenant(), path.name())
        .to_ascii_uppercase()
        .replace('-', "_")
}

fn without_line_end(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    mod contract {
        use super::*;

        testkit::secrets_contract!(entries => {
            let folder = tempfile::tempdir().unwrap();
            for (path, value) in entries {
                let file = folder.path().join(path.tenant().as_str()).join(path.name());
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, value + "\n").unwrap();
            }
            testkit::Kept::new(FolderSecrets::new(folder.path(), Vars::of(&[])), folder)
        });
    }

    #[tokio::test]
    async fn a_secret_without_a_file_may_be_a_variable() {
        let vars = Vars::of(&[("HEADWATER_SECRET_ACME_2_API_KEY", "v1")]);
        let secrets = FolderSecrets::new("/nowhere", vars);
        let tenant = "acme-2".parse().unwrap();
        let path = SecretPath::resolve(&tenant, &"api-key".parse().unwrap(), &[]).unwrap();
        assert_eq!(secrets.get(&path).await.unwrap().expose(), "v1");
    }
}
