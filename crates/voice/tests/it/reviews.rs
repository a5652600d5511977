//! Real sentences: reviews of hotels and sights by crowd workers, where they are at hand.

use std::io::Read;
use std::path::Path;

use osusume_testkit::data_dir;
use osusume_voice::read;

fn sentences(path: &Path) -> Vec<String> {
    let file = std::fs::File::open(path).expect("the file is there");
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzipped text");
    let sentences = |line: &str| {
        let review: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let said = review["utterances"]
            .as_array()
            .expect("sentences")
            .iter()
            .map(|said| said["text"].as_str().expect("a text").to_owned());
        said.collect::<Vec<_>>()
    };
    text.lines().flat_map(sentences).collect()
}

#[test]
#[expect(clippy::print_stderr, reason = "how well the lexicons do is a figure to look at")]
fn real_reviews_say_more_praise_than_complaint() {
    let Some(dir) = data_dir("ja-quasi-reviews") else { return };
    let mut all = Vec::new();
    for name in ["quasi_hotel", "quasi_spot"] {
        all.extend(sentences(&dir.join(format!("{name}.VanillaUtterance.jsonl.gz"))));
    }
    let said: Vec<_> = all.iter().filter_map(|sentence| read(sentence)).collect();
    let share = |is_so: &dyn Fn(&osusume_voice::Said) -> bool| {
        said.iter().filter(|said| is_so(said)).count() as f64 / said.len() as f64
    };
    let (complaint, praise) = (share(&|s| s.is_complaint), share(&|s| s.is_praise));
    let (leaving, urgent) = (share(&|s| s.is_leaving), share(&|s| s.is_urgent));
    let mean = said.iter().map(|said| said.sentiment).sum::<f64>() / said.len() as f64;
    eprintln!(
        "{} sentences: complaint {complaint:.3}, praise {praise:.3}, leaving {leaving:.4}, urgent {urgent:.4}, mean {mean:.3}",
        said.len()
    );
    assert!(said.len() > 5_000, "{}", said.len());
    assert!((0.02..0.2).contains(&complaint) && (0.3..0.7).contains(&praise), "{complaint} {praise}");
    assert!(leaving < 0.01 && urgent < 0.01, "no reviewer holds a contract: {leaving} {urgent}");
    assert!((0.1..0.4).contains(&mean));
}
