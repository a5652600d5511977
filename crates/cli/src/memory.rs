//! How much memory a run may use: sizes as people write them, and what the machine grants this process.

use std::fs;
use std::path::{Path, PathBuf};

/// Share of a control group's limit a run uses: the rest is for the allocator's slack and the page cache.
const GROUP_SHARE: f64 = 0.75;
/// Share of the machine's memory where nothing limits the process: others live here too.
const MACHINE_SHARE: f64 = 0.5;
/// Where the machine does not say what it has.
const FALLBACK: u64 = 1 << 30;
/// Limits at or above this mean "none": version 1 of control groups writes a page-rounded 2^63.
const NO_LIMIT: u64 = 1 << 60;

/// The program itself needs some of it; as in the pipeline file.
const LEAST: u64 = 64 << 20;

/// Bytes in a text such as `268435456`, `256MiB`, `2GiB` or `2GB`.
///
/// # Errors
/// What is allowed, as words for the command line.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let allowed = || "a number of bytes such as 268435456, 256MiB or 2GiB, at least 64MiB".to_owned();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return Err(allowed()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    bytes.filter(|&bytes| bytes >= LEAST).ok_or_else(allowed)
}

/// Three quarters of the control group's limit, else half of the machine's memory.
pub(crate) fn default_budget() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_memory(&text));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = group_files(&groups).iter().filter_map(|file| limit_in(file)).min();
    match (group, machine) {
        (Some(limit), machine) if machine.is_none_or(|machine| limit < machine) => share(limit, GROUP_SHARE),
        (_, Some(machine)) => share(machine, MACHINE_SHARE),
        _ => FALLBACK,
    }
}

fn share(bytes: u64, part: f64) -> u64 {
    (bytes as f64 * part) as u64
}

fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()? << 10)
}

/// The limit files of the groups a process is in and of those above them, for both versions of control groups.
fn group_files(cgroup: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in cgroup.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, name) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            list if list.split(',').any(|one| one == "memory") => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        let path = Path::new(path.trim_start_matches('/'));
        files.extend(path.ancestors().map(|dir| Path::new(root).join(dir).join(name)));
    }
    files
}

fn limit_in(file: &Path) -> Option<u64> {
    let limit = fs::read_to_string(file).ok()?.trim().parse::<u64>().ok()?;
    (limit < NO_LIMIT).then_some(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_write_them() {
        let cases = [
            ("67108864", 64 << 20),
            ("256MiB", 256 << 20),
            ("2GiB", 2 << 30),
            ("2 GiB", 2 << 30),
            ("2GB", 2_000_000_000),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in
            ["", "0", "1", "63MiB", "-1", "2G", "GiB", "1.5GiB", "99999999999999999999", "18446744073709551615KiB"]
        {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_machine_says_what_it_has() {
        assert_eq!(total_memory("MemTotal:       16384256 kB\nMemFree: 1 kB\n"), Some(16_384_256 << 10));
        assert_eq!(total_memory(""), None);
        assert!(default_budget() > 0);
    }

    #[test]
    fn groups_and_those_above_them() {
        let shown = |text: &str| -> Vec<String> { group_files(text).iter().map(|f| f.display().to_string()).collect() };
        assert_eq!(
            shown("0::/a/b\n"),
            ["/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/memory.max"]
        );
        assert_eq!(
            shown("5:cpu,cpuacct:/x\n4:memory:/y\n"),
            ["/sys/fs/cgroup/memory/y/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        );
    }
}
