//! Installs what emulates AWS, and what lints its templates, into `target/emulators`, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Fault;
use crate::machine::{note, run, target};

/// S3, Secrets Manager and Scheduler, and the linter of templates.
const MOTO: [&str; 2] =
    ["moto[server,s3,secretsmanager,scheduler,events]==5.2.5", "cfn-lint==1.58.0"];

/// Validates templates as a deployment would.
const SAM: [&str; 1] = ["aws-sam-cli==1.170.0"];

/// DynamoDB's own local edition.
const DYNAMODB: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>headwater</groupId><artifactId>dynamodb</artifactId><version>1</version>
  <dependencyManagement><dependencies><dependency>
    <groupId>software.amazon.awssdk</groupId><artifactId>bom</artifactId>
    <version>2.54.15</version><type>pom</type><scope>import</scope>
  </dependency></dependencies></dependencyManagement>
  <dependencies><dependency>
    <groupId>software.amazon.dynamodb</groupId><artifactId>DynamoDBLocal</artifactId>
    <version>3.3.1</version>
  </dependency></dependencies>
</project>
"#;

/// Queues that keep SQS's word on visibility, dead letters and limits.
const ELASTICMQ: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>headwater</groupId><artifactId>elasticmq</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.elasticmq</groupId><artifactId>elasticmq-server_2.13</artifactId>
    <version>1.7.1</version>
  </dependency></dependencies>
</project>
"#;

/// Where everything is installed.
pub(crate) fn home() -> PathBuf {
    target().join("emulators")
}

/// Installs the emulators; does nothing when they are there.
pub(crate) fn emulators() -> Result<(), Fault> {
    python("moto", &MOTO)?;
    maven("dynamodb", DYNAMODB)?;
    maven("elasticmq", ELASTICMQ)
}

/// Installs the template tools; does nothing when they are there.
pub(crate) fn template_tools() -> Result<(), Fault> {
    python("moto", &MOTO)?;
    python("sam", &SAM)
}

/// A program of one of the Python environments.
pub(crate) fn program(environment: &str, name: &str) -> PathBuf {
    home().join(environment).join("bin").join(name)
}

fn python(name: &str, packages: &[&str]) -> Result<(), Fault> {
    let folder = home().join(name);
    once(&folder, &packages.join(" "), || {
        note(format!("installing {}", packages.join(", ")));
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut pip = Command::new(program(name, "pip"));
        run(pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(packages))
    })
}

fn maven(name: &str, project: &str) -> Result<(), Fault> {
    let folder = home().join(name);
    once(&folder, project, || {
        note(format!("installing {name}"));
        let file = folder.join("pom.xml");
        fs::create_dir_all(&folder).map_err(Fault::file(&folder))?;
        fs::write(&file, project).map_err(Fault::file(&file))?;
        let mut maven = Command::new("mvn");
        maven.args(["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"]);
        run(maven.current_dir(&folder))
    })
}

/// Installs into a folder unless the very same was installed there before.
fn once(
    folder: &Path,
    wanted: &str,
    install: impl FnOnce() -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mark = folder.join("installed");
    if fs::read_to_string(&mark).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(&mark, wanted).map_err(Fault::file(mark))
}
