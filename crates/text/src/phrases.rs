//! One table of words for each page of the command: a name, its English and its Japanese.

/// Defines a page's words: an enum, [`ALL`](#), the templates, and `say`, which fills one in.
macro_rules! phrases {
    ($($(#[doc = $doc:literal])+ $name:ident = $en:literal, $ja:literal;)+) => {
        /// A word or sentence of the page. The documentation names its arguments.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Word { $($(#[doc = $doc])+ $name,)+ }

        impl Word {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            fn templates(self) -> [&'static str; 2] {
                match self { $(Self::$name => [$en, $ja],)+ }
            }
        }

        /// A word with its arguments filled in; whole numbers get thousands separators.
        pub fn say(word: Word, language: $crate::Language, args: &[(&str, osusume_model::Arg)]) -> String {
            let [en, ja] = word.templates();
            let lookup = |name: &str| args.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
            $crate::template::fill(language.pick(en, ja), &lookup, language)
        }

        #[cfg(test)]
        mod words_tests {
            #[test]
            fn every_word_has_both_languages_with_the_same_placeholders() {
                for word in super::Word::ALL {
                    $crate::phrases::check(word.templates());
                }
            }
        }
    };
}

pub(crate) use phrases;

/// Both languages are there, and use the same arguments.
#[cfg(test)]
pub(crate) fn check([en, ja]: [&str; 2]) {
    use std::collections::BTreeSet;
    let names = |template| crate::template::placeholders(template).into_iter().collect::<BTreeSet<_>>();
    // A word chosen by a count has no place in Japanese, so counts are compared as numbers.
    assert_eq!(names(en), names(ja), "{en}");
    assert!(en.is_ascii() && !ja.is_ascii(), "{en} / {ja}");
}
