use osusume_model::{Date, NoControl};
use osusume_synth::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let n: u64 = a[1].parse().unwrap();
    let world = World::isp();
    let dates: Vec<Date> = a.get(4).map(|t| t.split(',').map(|d| d.parse().unwrap()).collect()).unwrap_or_default();
    let o = Options {
        customers: n,
        seed: world.default_seed(),
        events: a.get(3).and_then(|e| e.parse().ok()),
        until: None,
        truth_as_of: dates,
        out_dir: a[2].clone().into(),
    };
    let s = generate(&world, &o, &osusume_storage::RealFs, &NoControl).unwrap();
    for f in s.files {
        println!("{} {}", f.path, f.rows);
    }
}
