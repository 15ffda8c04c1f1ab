//! A folder as an SFTP server shows it.

use std::collections::HashMap;
use std::fs::{self, File as OpenFile, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use russh_sftp::protocol::{
    Attrs, Data, File, FileAttributes, Handle, Name, OpenFlags, Status, StatusCode,
};
use russh_sftp::server::Handler;

/// Most bytes of one read: as OpenSSH has it.
const MOST_READ: u32 = 255 * 1024;
/// Names of one answer to a listing.
const NAMES: usize = 100;
/// Most files and listings that one session holds open.
const MOST_OPEN: usize = 256;

/// One session's view.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    read_only: bool,
    open: HashMap<String, Opened>,
    given: u64,
}

#[derive(Debug)]
enum Opened {
    File(OpenFile),
    /// What has not been listed yet.
    Names(Vec<File>),
}

type Answer<T> = Result<T, StatusCode>;

fn code(error: &io::Error) -> StatusCode {
    match error.kind() {
        ErrorKind::NotFound => StatusCode::NoSuchFile,
        ErrorKind::PermissionDenied => StatusCode::PermissionDenied,
        _ => StatusCode::Failure,
    }
}

fn done(id: u32) -> Status {
    let (error_message, language_tag) = ("Ok".to_owned(), "en-US".to_owned());
    Status { id, status_code: StatusCode::Ok, error_message, language_tag }
}

/// The path with `.` and `..` worked out; none when it leads above the root.
fn plain(path: &str) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::ParentDir if !plain.pop() => return None,
            Component::ParentDir | Component::RootDir | Component::CurDir => {}
            Component::Prefix(_) => return None,
        }
    }
    Some(plain)
}

impl Folder {
    pub(super) fn new(root: PathBuf, read_only: bool) -> Self {
        Self { root, read_only, open: HashMap::new(), given: 0 }
    }

    /// Where that is; refused when it lies outside, be it by way of a link.
    fn place(&self, path: &str) -> Answer<PathBuf> {
        let plain = plain(path).ok_or(StatusCode::PermissionDenied)?;
        let place = self.root.join(&plain);
        let anchor = place.ancestors().find_map(|part| part.canonicalize().ok());
        if anchor.is_some_and(|anchor| anchor.starts_with(&self.root)) {
            Ok(place)
        } else {
            Err(StatusCode::PermissionDenied)
        }
    }

    /// The same, to change something there.
    fn writable(&self, path: &str) -> Answer<PathBuf> {
        let place = self.place(path)?;
        let is_root = place == self.root;
        if self.read_only || is_root { Err(StatusCode::PermissionDenied) } else { Ok(place) }
    }

    fn hold(&mut self, id: u32, opened: Opened) -> Answer<Handle> {
        if self.open.len() >= MOST_OPEN {
            return Err(StatusCode::Failure);
        }
        self.given += 1;
        let handle = self.given.to_string();
        self.open.insert(handle.clone(), opened);
        Ok(Handle { id, handle })
    }

    fn file(&mut self, handle: &str) -> Answer<&mut OpenFile> {
        match self.open.get_mut(handle) {
            Some(Opened::File(file)) => Ok(file),
            _ => Err(StatusCode::Failure),
        }
    }
}

fn attributes(place: &Path) -> Answer<FileAttributes> {
    let metadata = fs::metadata(place).map_err(|error| code(&error))?;
    Ok(FileAttributes::from(&metadata))
}

fn names(place: &Path) -> io::Result<Vec<File>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(place)? {
        let entry = entry?;
        // A file may have gone since the folder was read, and a link may lead nowhere.
        let Ok(metadata) = fs::metadata(entry.path()) else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        names.push(File::new(name, FileAttributes::from(&metadata)));
    }
    Ok(names)
}

fn read(file: &mut OpenFile, offset: u64, most: u32) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut data = Vec::new();
    file.take(u64::from(most.min(MOST_READ))).read_to_end(&mut data)?;
    Ok(data)
}

fn touch(file: &OpenFile, attributes: &FileAttributes) -> io::Result<()> {
    match attributes.mtime {
        Some(seconds) => {
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(seconds)))
        }
        None => Ok(()),
    }
}

impl Handler for Folder {
    type Error = StatusCode;

    fn unimplemented(&self) -> StatusCode {
        StatusCode::OpUnsupported
    }

    async fn open(
        &mut self,
        id: u32,
        filename: String,
        flags: OpenFlags,
        _attributes: FileAttributes,
    ) -> Answer<Handle> {
        let only_reads = !flags.contains(OpenFlags::WRITE)
            && !flags.contains(OpenFlags::APPEND)
            && !flags.contains(OpenFlags::CREATE);
        let place = if only_reads { self.place(&filename)? } else { self.writable(&filename)? };
        if place.is_dir() {
            return Err(StatusCode::Failure);
        }
        let file = OpenOptions::from(flags).open(place).map_err(|error| code(&error))?;
        self.hold(id, Opened::File(file))
    }

    async fn close(&mut self, id: u32, handle: String) -> Answer<Status> {
        self.open.remove(&handle).map(|_| done(id)).ok_or(StatusCode::Failure)
    }

    async fn read(&mut self, id: u32, handle: String, offset: u64, len: u32) -> Answer<Data> {
        let data = read(self.file(&handle)?, offset, len).map_err(|error| code(&error))?;
        if data.is_empty() { Err(StatusCode::Eof) } else { Ok(Data { id, data }) }
    }

    async fn write(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        data: Vec<u8>,
    ) -> Answer<Status> {
        let file = self.file(&handle)?;
        let written = file.seek(SeekFrom::Start(offset)).and_then(|_| file.write_all(&data));
        written.map(|()| done(id)).map_err(|error| code(&error))
    }

    async fn lstat(&mut self, id: u32, path: String) -> Answer<Attrs> {
        self.stat(id, path).await
    }

    async fn stat(&mut self, id: u32, path: String) -> Answer<Attrs> {
        Ok(Attrs { id, attrs: attributes(&self.place(&path)?)? })
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Answer<Attrs> {
        let metadata = self.file(&handle)?.metadata().map_err(|error| code(&error))?;
        Ok(Attrs { id, attrs: FileAttributes::from(&metadata) })
    }

    async fn setstat(&mut self, id: u32, path: String, attrs: FileAttributes) -> Answer<Status> {
        let file = OpenFile::open(self.writable(&path)?).map_err(|error| code(&error))?;
        touch(&file, &attrs).map(|()| done(id)).map_err(|error| code(&error))
    }

    async fn fsetstat(&mut self, id: u32, handle: String, attrs: FileAttributes) -> Answer<Status> {
        touch(self.file(&handle)?, &attrs).map(|()| done(id)).map_err(|error| code(&error))
    }

    async fn opendir(&mut self, id: u32, path: String) -> Answer<Handle> {
        let names = names(&self.place(&path)?).map_err(|error| code(&error))?;
        self.hold(id, Opened::Names(names))
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Answer<Name> {
        let Some(Opened::Names(names)) = self.open.get_mut(&handle) else {
            return Err(StatusCode::Failure);
        };
        let rest = names.len().saturating_sub(NAMES);
        let files = names.split_off(rest);
        if files.is_empty() { Err(StatusCode::Eof) } else { Ok(Name { id, files }) }
    }

    async fn realpath(&mut self, id: u32, path: String) -> Answer<Name> {
        let plain = plain(&path).ok_or(StatusCode::PermissionDenied)?;
        let path = format!("/{}", plain.to_string_lossy());
        Ok(Name { id, files: vec![File::dummy(path)] })
    }

    async fn remove(&mut self, id: u32, filename: String) -> Answer<Status> {
        fs::remove_file(self.writable(&filename)?).map_err(|error| code(&error))?;
        Ok(done(id))
    }

    async fn mkdir(&mut self, id: u32, path: String, _attrs: FileAttributes) -> Answer<Status> {
        fs::create_dir(self.writable(&path)?).map_err(|error| code(&error))?;
        Ok(done(id))
    }

    async fn rmdir(&mut self, id: u32, path: String) -> Answer<Status> {
        fs::remove_dir(self.writable(&path)?).map_err(|error| code(&error))?;
        Ok(done(id))
    }

    /// Refused when there is a file of the new name, as the protocol's third version has it.
    async fn rename(&mut self, id: u32, oldpath: String, newpath: String) -> Answer<Status> {
        let (from, to) = (self.writable(&oldpath)?, self.writable(&newpath)?);
        if to.exists() {
            return Err(StatusCode::Failure);
        }
        fs::rename(from, to).map_err(|error| code(&error))?;
        Ok(done(id))
    }
}
