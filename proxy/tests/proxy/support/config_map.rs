//! A configuration file, as the kubelet mounts a ConfigMap: `waggle.yaml` leads through the link `..data` to the
//! directory of one version.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::program::next_mark;

/// See the module's documentation. Gone with its value.
pub(crate) struct ConfigMap {
    directory: PathBuf,
    version: u32,
}

impl ConfigMap {
    pub(crate) fn new(text: &str) -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("config-{}", next_mark()));
        fs::create_dir(&directory).unwrap();
        symlink("..data/waggle.yaml", directory.join("waggle.yaml")).unwrap();
        let mut map = Self { directory, version: 0 };
        map.swap(text);
        map
    }

    /// The file that the program is to read.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.join("waggle.yaml")
    }

    /// The option that names it.
    pub(crate) fn option(&self) -> [String; 2] {
        ["--config".to_owned(), self.file().to_str().unwrap().to_owned()]
    }

    /// Another version, as the kubelet does it: only the link `..data` is replaced, in one step.
    pub(crate) fn swap(&mut self, text: &str) {
        let old = format!("..version-{}", self.version);
        self.version += 1;
        let new = format!("..version-{}", self.version);
        fs::create_dir(self.directory.join(&new)).unwrap();
        fs::write(self.directory.join(&new).join("waggle.yaml"), text).unwrap();
        let link = self.directory.join("..data_tmp");
        symlink(&new, &link).unwrap();
        fs::rename(link, self.directory.join("..data")).unwrap();
        let _ = fs::remove_dir_all(self.directory.join(old));
    }

    /// Puts a plain file in the place of what is there, in one step.
    pub(crate) fn rename(&self, text: &str) {
        let new = self.directory.join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    pub(crate) fn remove(&self) {
        fs::remove_file(self.file()).unwrap();
    }
}

impl Drop for ConfigMap {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// What `/status` shows of a file with that text.
pub(crate) fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
