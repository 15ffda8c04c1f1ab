//! Writing: whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use model::ObjectKey;
use ports::{Attributes, ETag};

use super::path::{TEMPORARY, UPLOADS};
use super::uploads::GIVEN_UP;
use super::{Fault, Root, mark};

/// Age at which a half-written file has no writer any more.
const LEFT_OVER: Duration = Duration::from_hours(1);

/// How often a write makes its folder anew when a delete has just removed it.
const ATTEMPTS: usize = 100;

impl Root {
    /// Links a new file into place, unless something stands there.
    pub(super) fn put_new(
        &self,
        key: &ObjectKey,
        body: &[u8],
        attributes: &Attributes,
    ) -> Result<ETag, Fault> {
        let target = self.path(key)?;
        if fs::symlink_metadata(&target).is_ok_and(|found| !found.is_dir()) {
            return Err(Fault::Taken);
        }
        let write = |file: &mut File| file.write_all(body);
        let (draft, mark) = self.draft(write, self.clock.now(), attributes)?;
        let placed = self.place(&target, || fs::hard_link(&draft, &target));
        fs::remove_file(&draft)?;
        if let Err(fault) = placed {
            self.drop_attributes(&mark)?;
            return Err(fault);
        }
        Ok(mark)
    }

    /// Renames a new file into place, over what stands there.
    pub(super) fn put(
        &self,
        key: &ObjectKey,
        body: &[u8],
        attributes: &Attributes,
    ) -> Result<ETag, Fault> {
        self.replace(key, |file| file.write_all(body), attributes)
    }

    /// Renames what is written into place, over what stands there.
    pub(super) fn replace(
        &self,
        key: &ObjectKey,
        write: impl FnOnce(&mut File) -> io::Result<()>,
        attributes: &Attributes,
    ) -> Result<ETag, Fault> {
        let target = self.path(key)?;
        let before = fs::metadata(&target).ok().filter(fs::Metadata::is_file);
        let earliest = before.as_ref().map_or(Timestamp::MIN, just_after);
        let (draft, made) = self.draft(write, self.clock.now().max(earliest), attributes)?;
        if let Err(fault) = self.place(&target, || fs::rename(&draft, &target)) {
            fs::remove_file(&draft)?;
            self.drop_attributes(&made)?;
            return Err(fault);
        }
        if let Some(before) = before {
            self.drop_attributes(&mark(&before))?;
        }
        Ok(made)
    }

    /// Removes a file, its attributes, and the folders that it leaves empty.
    pub(super) fn delete(&self, key: &ObjectKey) -> Result<(), Fault> {
        let target = self.path(key)?;
        let found = fs::metadata(&target)?;
        if found.is_dir() {
            return Ok(());
        }
        fs::remove_file(&target)?;
        self.drop_attributes(&mark(&found))?;
        for folder in target.ancestors().skip(1) {
            // A folder that holds something stays, and so do those above it.
            if folder == self.folder || fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Removes what writers left half done when they were killed.
    pub(super) fn remove_leftovers(&self) -> io::Result<()> {
        self.remove_aged(TEMPORARY, LEFT_OVER)?;
        self.remove_aged(UPLOADS, GIVEN_UP)
    }

    fn remove_aged(&self, folder: &str, age: Duration) -> io::Result<()> {
        let drafts = match fs::read_dir(self.folder.join(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            drafts => drafts?,
        };
        let now = SystemTime::from(self.clock.now());
        for draft in drafts {
            let draft = draft?;
            let Ok(made) = draft.metadata().and_then(|found| found.modified()) else { continue };
            if now.duration_since(made).is_ok_and(|found| found > age) {
                let is_folder = draft.file_type()?.is_dir();
                let remove = if is_folder { fs::remove_dir_all } else { fs::remove_file };
                match remove(draft.path()) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Writes a synced file aside, dated, with its attributes under its mark.
    fn draft(
        &self,
        write: impl FnOnce(&mut File) -> io::Result<()>,
        at: Timestamp,
        attributes: &Attributes,
    ) -> Result<(PathBuf, ETag), Fault> {
        let folder = self.folder.join(TEMPORARY);
        let draft = folder.join(self.ids.fresh());
        let mut file = match File::create_new(&draft) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&folder)?;
                File::create_new(&draft)?
            }
            file => file?,
        };
        if let Err(error) = write(&mut file) {
            fs::remove_file(&draft)?;
            return Err(error.into());
        }
        file.set_modified(at.into())?;
        file.sync_all()?;
        let mark = mark(&file.metadata()?);
        self.keep_attributes(&mark, attributes)?;
        Ok((draft, mark))
    }

    /// Makes a folder, and counts it and those above it, up to the root.
    fn make(&self, folder: &Path, folders: &mut usize) -> io::Result<()> {
        *folders = folder.ancestors().take_while(|above| *above != self.folder).count() + 1;
        fs::create_dir_all(folder)
    }

    /// Brings a draft into place, in a folder that is there, and syncs the folder.
    fn place(&self, target: &Path, place: impl Fn() -> io::Result<()>) -> Result<(), Fault> {
        use io::ErrorKind::{
            AlreadyExists, DirectoryNotEmpty, IsADirectory, NotADirectory, NotFound,
        };
        let folder = target.parent().unwrap_or(&self.folder);
        let mut folders = 1;
        for _ in 0..ATTEMPTS {
            let Err(error) = place() else {
                // A new folder is an entry in the one above, which wants syncing too.
                for folder in target.ancestors().skip(1).take(folders) {
                    match File::open(folder) {
                        // Someone has removed the object, and its folder, already.
                        Err(error) if error.kind() == NotFound => {}
                        folder => folder?.sync_all()?,
                    }
                }
                return Ok(());
            };
            match error.kind() {
                NotFound => match self.make(folder, &mut folders) {
                    Err(error) if matches!(error.kind(), NotADirectory | AlreadyExists) => {
                        return Err(Fault::Nested);
                    }
                    Err(error) if error.kind() != NotFound => return Err(error.into()),
                    _ => {}
                },
                // An empty folder may be in the way, left by a delete that did not finish.
                AlreadyExists | IsADirectory | DirectoryNotEmpty if target.is_dir() => {
                    if fs::remove_dir(target).is_err_and(|error| error.kind() != NotFound) {
                        return Err(Fault::Nested);
                    }
                }
                AlreadyExists => return Err(Fault::Taken),
                NotADirectory => return Err(Fault::Nested),
                _ => return Err(error.into()),
            }
        }
        Err(io::Error::from(io::ErrorKind::ResourceBusy).into())
    }
}

/// The first instant after a file's time.
fn just_after(file: &fs::Metadata) -> Timestamp {
    let nanoseconds = i32::try_from(file.mtime_nsec()).unwrap_or_default();
    let made = Timestamp::new(file.mtime(), nanoseconds).unwrap_or_default();
    made.checked_add(Duration::from_nanos(1)).unwrap_or(made)
}
