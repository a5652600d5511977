//! What is kept of a text that a customer wrote: its tone, whether it complains and whether it praises. No word of it goes further than here.

use std::sync::Arc;

use osusume_tables::{Coder, ColumnKind};

use crate::plan::Join;

/// What is kept of one text, spelled as checked tables have it: `-0.667 complaint`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tone {
    /// From −1 to 1, in thousandths.
    sentiment: f64,
    is_complaint: bool,
    is_praise: bool,
}

/// The kind of a column of texts.
pub(crate) const KIND: ColumnKind = ColumnKind::Coded(Coder(told));

/// The words behind the number.
const COMPLAINT: &str = "complaint";
const PRAISE: &str = "praise";

/// What is told of a text; nothing of one without letters and digits. What was told before stays as it is, so that a copy of a table can be
/// read again.
fn told(text: &str) -> Option<String> {
    let own = Tone::parse(text).map(Tone::spelled).filter(|own| own == text);
    own.or_else(|| {
        let said = osusume_voice::read_tone(text)?;
        let sentiment = (said.sentiment * 1000.0).round() / 1000.0;
        Some(Tone { sentiment, is_complaint: said.is_complaint, is_praise: said.is_praise }.spelled())
    })
}

impl Tone {
    fn spelled(self) -> String {
        let word = |is_told: bool, word| if is_told { format!(" {word}") } else { String::new() };
        // Adding a zero takes the sign of a negative one.
        let number = format!("{:+.3}", self.sentiment + 0.0);
        number + &word(self.is_complaint, COMPLAINT) + &word(self.is_praise, PRAISE)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let sentiment: f64 = words.next()?.parse().ok().filter(|number: &f64| number.abs() <= 1.0)?;
        let words: Vec<&str> = words.collect();
        Some(Self { sentiment, is_complaint: words.contains(&COMPLAINT), is_praise: words.contains(&PRAISE) })
    }
}

/// What the levels of a checked table's column of texts say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tones(Vec<Option<Tone>>);

/// What a complaint or praise is called where features count it.
pub(crate) const COUNTED: u32 = 0;

impl Tones {
    /// Of a dictionary.
    pub(crate) fn of(names: &[String]) -> Self {
        Self(names.iter().map(|name| Tone::parse(name)).collect())
    }

    /// The tone of each level, from −1 to 1.
    pub(crate) fn sentiments(&self) -> Arc<[f64]> {
        self.0.iter().map(|tone| tone.map_or(f64::NAN, |tone| tone.sentiment)).collect()
    }

    /// [`COUNTED`] for levels that complain.
    pub(crate) fn complaints(&self) -> Join {
        self.join(COMPLAINT, |tone| tone.is_complaint)
    }

    /// [`COUNTED`] for levels that praise.
    pub(crate) fn praises(&self) -> Join {
        self.join(PRAISE, |tone| tone.is_praise)
    }

    /// Whether a level complains.
    pub(crate) fn is_complaint(&self, level: u32) -> bool {
        self.0.get(level as usize).copied().flatten().is_some_and(|tone| tone.is_complaint)
    }

    fn join(&self, name: &str, is_meant: impl Fn(&Tone) -> bool) -> Join {
        let code = |tone: &Option<Tone>| if tone.as_ref().is_some_and(&is_meant) { COUNTED } else { 1 };
        Join { map: self.0.iter().map(code).collect(), names: Arc::from([name.to_owned()]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_by_its_tone_alone() {
        let told = |text| told(text).unwrap_or_default();
        assert_eq!(told("The line keeps dropping. 解約も考えています。090-1234-5678"), "-0.500 complaint");
        assert_eq!(
            told("とても助かりました。ありがとうございます!"),
            told("とても助かりました。ありがとうございます!")
        );
        assert!(told("Thank you, very helpful").ends_with(" praise"));
        assert_eq!(told("How do I change my address?"), "+0.000");
        assert_eq!(told(" …?! "), "");
    }

    #[test]
    fn what_was_told_stays() {
        for text in ["つながりません", "Thank you", "It is slow, but the technician was kind. Thank you!", "?", "12"]
        {
            let once = told(text);
            assert_eq!(once.as_deref().and_then(told), once, "{text}");
        }
        // What only looks like it is a text like others.
        for text in
            ["+2.000 complaint", "-0.5 complaint", "-0.500 complaint now", "NaN", "-0.000", "+0.000 praise complaint"]
        {
            assert_ne!(told(text).as_deref(), Some(text), "{text}");
        }
    }

    #[test]
    fn levels_say_what_features_count() {
        let names = ["+0.500 praise", "-0.500 complaint", "+0.000 complaint praise", "odd"].map(str::to_owned);
        let tones = Tones::of(&names);
        assert_eq!(tones.sentiments()[..3], [0.5, -0.5, 0.0]);
        assert!(tones.sentiments()[3].is_nan());
        assert_eq!((&*tones.complaints().map, &*tones.praises().map), (&[1, 0, 0, 1][..], &[0, 1, 0, 1][..]));
        assert_eq!([0, 1, 2, 3, 9].map(|level| tones.is_complaint(level)), [false, true, true, false, false]);
    }
}
