//! How much memory is left to this process.
//!
//! A small file can ask for any amount of it, and a process that takes more than there is is
//! killed without a word. So what is about to be asked for is compared first. Only Linux says
//! what is left; elsewhere nothing is known.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// What is too little to ask for.
const SMALL: u64 = 64 << 20;

/// Bytes that this process may still take; `None` where nobody says.
///
/// The least of what the machine has (`MemAvailable`), what the control groups around the
/// process leave it, and what its own limit of addresses does.
pub(crate) fn available() -> Option<u64> {
    available_under(Path::new("/"))
}

/// Fails where so many bytes are more than there are.
pub(crate) fn room_for(bytes: u64, what: &str) -> Result<()> {
    match available().filter(|_| bytes >= SMALL) {
        Some(left) if bytes > left => Err(Error::new(format!(
            "{what} takes {}, and {} of memory are left",
            shown(bytes),
            shown(left)
        ))
        .remedy("use smaller tensors, or a machine with more memory")),
        _ => Ok(()),
    }
}

/// A number of bytes as people read it.
pub(crate) fn shown(bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    let tenths = bytes.saturating_mul(10).div_ceil(GIB);
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

fn available_under(root: &Path) -> Option<u64> {
    let machine = read(&root.join("proc/meminfo"))
        .and_then(|text| field(&text, "MemAvailable:"))
        .map(|kib| kib.saturating_mul(1024));
    let own = read(&root.join("proc/self/limits")).and_then(|text| {
        let limit = field(&text, "Max address space")?;
        let status = read(&root.join("proc/self/status"))?;
        Some(limit.saturating_sub(field(&status, "VmSize:")?.saturating_mul(1024)))
    });
    let groups = groups(root);
    let all = machine.into_iter().chain(own).chain(groups);
    all.min()
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// The number that follows a word at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What each control group around this process leaves it.
fn groups(root: &Path) -> Vec<u64> {
    let mut left = Vec::new();
    let listed = read(&root.join("proc/self/cgroup")).unwrap_or_default();
    for line in listed.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let version = if controllers.is_empty() {
            &V2
        } else if controllers.split(',').any(|c| c == "memory") {
            &V1
        } else {
            continue;
        };
        let mount = root.join(version.mount);
        let own: PathBuf = mount.join(path.trim_start_matches('/'));
        // In a container the path is often that of the host, and the limits are at the mount.
        let within = own.ancestors().take_while(|p| p.starts_with(&mount));
        left.extend(within.filter_map(|group| version.left(group)));
    }
    left
}

/// Where a version of control groups says what.
struct Version {
    mount: &'static str,
    limit: &'static str,
    current: &'static str,
    /// What of the current bytes are files' pages that can be given up.
    reclaimable: &'static str,
}

const V2: Version = Version {
    mount: "sys/fs/cgroup",
    limit: "memory.max",
    current: "memory.current",
    reclaimable: "inactive_file ",
};

const V1: Version = Version {
    mount: "sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    current: "memory.usage_in_bytes",
    reclaimable: "total_inactive_file ",
};

impl Version {
    /// What a group leaves; `None` without a limit.
    fn left(&self, group: &Path) -> Option<u64> {
        let number = |file: &str| read(&group.join(file))?.trim().parse::<u64>().ok();
        let (limit, current) = (number(self.limit)?, number(self.current)?);
        let statistics = read(&group.join("memory.stat")).unwrap_or_default();
        let reclaimable = field(&statistics, self.reclaimable).unwrap_or(0);
        Some(limit.saturating_sub(current.saturating_sub(reclaimable)))
    }
}

#[cfg(test)]
mod tests {
    use super::{available_under, shown};
    use std::path::Path;

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn the_least_of_what_machine_groups_and_limits_leave() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let left = || available_under(root);
        assert_eq!(left(), None);
        put(
            root,
            "proc/meminfo",
            "MemTotal: 900 kB\nMemAvailable:    800 kB\n",
        );
        assert_eq!(left(), Some(800 << 10));
        let limits = |n: &str| format!("Limit  Soft\nMax address space  {n}  unlimited  bytes\n");
        put(root, "proc/self/limits", &limits("unlimited"));
        put(root, "proc/self/status", "Name: x\nVmSize:\t 100 kB\n");
        assert_eq!(left(), Some(800 << 10));
        put(root, "proc/self/limits", &limits("819200"));
        assert_eq!(left(), Some(700 << 10));
        // The second version: the group's own limit, and one around it.
        put(root, "proc/self/cgroup", "0::/a/b\n");
        put(root, "sys/fs/cgroup/a/b/memory.max", "max\n");
        put(root, "sys/fs/cgroup/a/b/memory.current", "1000\n");
        assert_eq!(left(), Some(700 << 10));
        put(root, "sys/fs/cgroup/a/memory.max", "500000\n");
        put(root, "sys/fs/cgroup/a/memory.current", "100000\n");
        assert_eq!(left(), Some(400_000));
        put(
            root,
            "sys/fs/cgroup/a/memory.stat",
            "anon 7\ninactive_file 50000\n",
        );
        assert_eq!(left(), Some(450_000));
        // The first, whose path may be that of another place.
        put(
            root,
            "proc/self/cgroup",
            "4:cpu,memory:/elsewhere\n3:cpuset:/\n0::/\n",
        );
        put(
            root,
            "sys/fs/cgroup/memory/memory.limit_in_bytes",
            "300000\n",
        );
        put(
            root,
            "sys/fs/cgroup/memory/memory.usage_in_bytes",
            "400000\n",
        );
        assert_eq!(left(), Some(0));
    }

    #[test]
    fn bytes_round_up() {
        assert_eq!(shown(0), "0.0 GiB");
        assert_eq!(shown(1), "0.1 GiB");
        assert_eq!(shown(5 << 29), "2.5 GiB");
    }
}
