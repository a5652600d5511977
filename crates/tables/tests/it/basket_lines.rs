use std::io::Write as _;
use std::sync::Mutex;

use osusume_model::{Control, Stop};
use osusume_storage::RealFs;
use osusume_tables::{LineItems, read_basket_lines};

/// What was said of progress.
#[derive(Default)]
struct Told(Mutex<Vec<(u64, u64)>>);

impl Control for Told {
    fn progress(&self, done: u64, total: u64) {
        self.0.lock().unwrap().push((done, total));
    }

    fn stop(&self) -> Option<Stop> {
        None
    }
}

#[test]
fn progress_is_told_in_bytes_of_the_file_as_it_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let lines = (0..200_000).map(|line| format!("{line} 7\n")).collect::<Vec<String>>().concat();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(lines.as_bytes()).unwrap();
    for (name, content) in [("b.dat", lines.into_bytes()), ("b.dat.gz", packed.finish().unwrap())] {
        let (path, told) = (dir.path().join(name), Told::default());
        std::fs::write(&path, &content).unwrap();
        read_basket_lines(&RealFs, &path, LineItems::Numbers, 1 << 30, &told).unwrap();
        let told = told.0.into_inner().unwrap();
        let total = content.len() as u64;
        assert!(told.len() > 3 && told.is_sorted() && told.iter().all(|(_, of)| *of == total), "{name}: {told:?}");
        assert_eq!(told.last(), Some(&(total, total)));
    }
}
