//! Masks, words and tones of texts in both languages.

mod mask;
mod reviews;
mod tone;
mod words;
