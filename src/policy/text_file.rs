// SPDX-License-Identifier: GPL-2.0-only
//! Files that a person wrote, or a program that the person chose.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use nix::sys::statfs::{FsType, PROC_SUPER_MAGIC, statfs};

use super::faults::harmless;

/// Of include/uapi/linux/magic.h: where the pipes are that have no name.
const PIPEFS_MAGIC: FsType = FsType(0x5049_5045);

/// Whatever a pipe of the shell holds may be read too, as `<(curl …)`. Nobody may ever write to one that has a name, and
/// a device has no end.
pub fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>> {
    let name = harmless(&path.to_string_lossy());
    let text = match bytes(path, max_bytes) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("there is no file {name}"),
        Err(error) if error.kind() == ErrorKind::IsADirectory => {
            bail!("{name} is a directory: give a file in it")
        }
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            bail!("{name} is a device, a socket, a named pipe or the kernel's: give a file")
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {name}")),
    };
    if text.len() as u64 > max_bytes {
        bail!("{name} is larger than {} MiB: is it the right file?", max_bytes.div_ceil(1 << 20));
    }
    // Compressed, in UTF-16, or a program.
    if text.contains(&0) {
        bail!("{name} is no plain text: unpack it, or save it as UTF-8");
    }
    Ok(text)
}

/// One byte more than allowed, if there are more.
fn bytes(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let kind = fs::metadata(path)?.file_type();
    // What the kernel writes may have none.
    let has_end = (kind.is_file() && statfs(path)?.filesystem_type() != PROC_SUPER_MAGIC)
        || kind.is_dir()
        || (kind.is_fifo() && statfs(path)?.filesystem_type() == PIPEFS_MAGIC);
    if !has_end {
        return Err(ErrorKind::InvalidInput.into());
    }
    let mut text = Vec::new();
    File::open(path)?.take(max_bytes + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// Without the mark that some editors put before UTF-8.
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::fd::AsRawFd;

    use super::read;

    #[test]
    fn what_is_no_file_of_text_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| {
            let path = folder.path().join(name);
            format!("{:#}", read(&path, 1 << 20).unwrap_err())
                .replace(&path.display().to_string(), "FILE")
        };
        fs::write(folder.path().join("large"), vec![b'a'; (1 << 20) + 1]).unwrap();
        fs::write(folder.path().join("utf-16"), b"\xff\xfe1\0.\x001\0").unwrap();
        nix::unistd::mkfifo(&folder.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("device")).unwrap();
        std::os::unix::fs::symlink("/proc/kmsg", folder.path().join("kernel")).unwrap();
        for endless in ["pipe", "device", "kernel"] {
            assert_eq!(
                of(endless),
                "FILE is a device, a socket, a named pipe or the kernel's: give a file"
            );
        }
        assert_eq!(of("none"), "there is no file FILE");
        assert_eq!(
            read("\x1b[31m".as_ref(), 1).unwrap_err().to_string(),
            "there is no file \\u{1b}[31m"
        );
        assert_eq!(of(""), "FILE is a directory: give a file in it");
        assert_eq!(of("large"), "FILE is larger than 1 MiB: is it the right file?");
        assert_eq!(of("utf-16"), "FILE is no plain text: unpack it, or save it as UTF-8");
        assert_eq!(of("large/x"), "cannot read FILE: Not a directory (os error 20)");

        fs::write(folder.path().join("most"), vec![b'a'; 1 << 20]).unwrap();
        assert_eq!(read(&folder.path().join("most"), 1 << 20).unwrap().len(), 1 << 20);

        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"of a shell").unwrap();
        drop(writer);
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        assert_eq!(read(path.as_ref(), 1 << 20).unwrap(), b"of a shell");
    }
}
