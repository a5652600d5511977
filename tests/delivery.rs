//! Two processes at once: what a destination shows is always one whole delivery of the newest run.

use std::path::Path;
use std::sync::Mutex;

use osusume_model::{Control, Stop};
use osusume_pipeline::config::{Config, Layers};
use osusume_pipeline::{Event, Host, LockInfo, Request, Stage, export, is_exported, run};

use super::support::{AS_OF, Company, names, text};

const RUN: [&str; 5] = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--quiet"];

/// Starts the same command as soon as this process begins to deliver.
struct Overtaken<'a> {
    company: &'a Company,
    /// Exit code of the other process, what it said, and whether anything was at the destination afterwards.
    other: Mutex<Option<(i32, String, bool)>>,
}

impl Control for Overtaken<'_> {
    fn progress(&self, _done: u64, _total: u64) {}
    fn stop(&self) -> Option<Stop> {
        None
    }
}

impl Host for Overtaken<'_> {
    fn event(&self, event: Event) {
        if let Event::Begin(Stage::Export) = event {
            let output = self.company.osusume(&RUN);
            let found = (output.status.code().unwrap(), text(&output.stderr), self.company.path("out").exists());
            *self.other.lock().unwrap() = Some(found);
        }
    }
    fn secret(&self, _name: &str) -> Option<String> {
        None
    }
    fn elapsed_seconds(&self) -> f64 {
        0.0
    }
}

#[test]
fn nobody_delivers_beside_a_run_that_does() {
    let company = Company::new();
    let file = company.path("pipelines/isp.toml");
    let directory = format!("run.directory='{}'", company.path("runs").display());
    let layers = Layers { file: Path::new(&file), overlays: &[], sets: &[directory] };
    let config = Config::load(layers, &|_| None).unwrap();
    let none = String::new;
    let lock = LockInfo { pid: 1, host: none(), boot_id: none(), start: none(), cmd: none() };
    let request = Request { config: &config, as_of: AS_OF.parse().ok(), memory: 1 << 30, lock, started_us: 0 };
    let host = Overtaken { company: &company, other: Mutex::default() };

    let ran = run(&request, &host).unwrap();
    let delivered = export(&config, &ran.lock, &host).unwrap();
    let (code, said, is_there) = host.other.lock().unwrap().take().unwrap();
    assert_eq!((code, is_there), (11, false), "{said}");
    assert!(said.contains("E3001"), "{said}");
    assert_eq!(delivered.len(), 2);
    assert_eq!(names(&company.path("out")).len(), 4, "two destinations, each with its manifest");
    let run_id = osusume_pipeline::runs::current(&config).unwrap().unwrap();
    assert!(is_exported(&config, &run_id, &host));

    drop(ran);
    loop {
        let output = company.osusume(&RUN);
        // Another test starts a command: until that is another program it shares our files, and with them the lock.
        if output.status.code() != Some(11) {
            assert!(output.status.success(), "{}", text(&output.stderr));
            break;
        }
    }
}
