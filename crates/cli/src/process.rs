//! What only the process knows: who it is, when it started, which signals ask it to stop.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use osusume_model::{Code, DAY_US, Date, Exit, Fault, Result};
use osusume_pipeline::LockInfo;
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

/// The signal that asked to stop, if one did.
#[derive(Clone, Default)]
pub(crate) struct Signals(Arc<AtomicUsize>);

impl Signals {
    /// Listens to SIGTERM and SIGINT: the first asks to stop, the second ends the process at once.
    ///
    /// SIGXFSZ is taken note of, so that a file grown too large is an error of the write and not the process's end.
    ///
    /// # Errors
    /// `Bug` when the system refuses.
    pub(crate) fn listen() -> Result<Self> {
        let signals = Self::default();
        let refused = |error: std::io::Error| Fault::new(Code::Bug).because(error);
        for signal in [SIGTERM, SIGINT] {
            let asked = Arc::new(AtomicBool::new(false));
            // Registered before the flag that arms it: the first signal finds it disarmed.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked)).map_err(refused)?;
            flag::register(signal, asked).map_err(refused)?;
            flag::register_usize(signal, Arc::clone(&signals.0), signal as usize).map_err(refused)?;
        }
        flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).map_err(refused)?;
        Ok(signals)
    }

    /// Whether to stop.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// How the process ends after a stop asked for.
    pub(crate) fn exit(&self) -> Exit {
        if self.0.load(Ordering::Relaxed) == SIGINT as usize { Exit::Interrupted } else { Exit::Terminated }
    }
}

/// Files of this process are for its user alone.
pub(crate) fn close_to_others() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

/// Microseconds since 1970 UTC.
#[expect(clippy::disallowed_methods, reason = "the command is where the clock is read")]
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Who asks for the lock. The command line is left out but for the verb: settings on it may be secret.
pub(crate) fn lock_info(verb: &str) -> LockInfo {
    let read = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    LockInfo {
        pid: std::process::id(),
        host: read("/proc/sys/kernel/hostname"),
        boot_id: read("/proc/sys/kernel/random/boot_id"),
        start: rfc3339(now_us()),
        cmd: format!("osusume {verb}"),
    }
}

/// An instant as `2026-10-01T00:00:00Z`.
fn rfc3339(us: i64) -> String {
    let (days, seconds) = (us.div_euclid(DAY_US), us.rem_euclid(DAY_US) / 1_000_000);
    let date = Date(i32::try_from(days).unwrap_or(i32::MAX));
    format!("{date}T{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_as_text() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_790_812_799_999_999), "2026-09-30T23:59:59Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59Z");
    }
}
