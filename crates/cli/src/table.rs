//! Columns that line up on a terminal, also in Japanese, where a character is two columns wide.

use osusume_text::{display_width, pad};

/// Columns between two columns.
const GAP: &str = "  ";

/// Where the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// Rows of cells as lines, each after `indent` spaces; columns are as wide as their widest cell.
pub(crate) fn table(indent: usize, align: &[Align], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| display_width(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..align.len()).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(align.iter().zip(&widths)).map(|(cell, (a, w))| place(cell, *a, *w)).collect();
        text.push_str(" ".repeat(indent).as_str());
        text.push_str(cells.join(GAP).trim_end());
        text.push('\n');
    }
    text
}

/// A label and what it says, a line each; a label that repeats the one before is left blank.
pub(crate) fn labelled(indent: usize, lines: &[(&str, String)]) -> String {
    let mut before = "";
    let mut rows = Vec::new();
    for (label, value) in lines {
        let shown = if *label == before { "" } else { *label };
        before = label;
        rows.push(vec![shown.to_owned(), value.clone()]);
    }
    table(indent, &[Align::Left, Align::Left], &rows)
}

fn place(cell: &str, align: Align, width: usize) -> String {
    match align {
        Align::Left => pad(cell, width),
        Align::Right => format!("{}{cell}", " ".repeat(width.saturating_sub(display_width(cell)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_line_up() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        let text = table(1, &[Align::Left, Align::Right], &[row("顧客", "1"), row("offers", "1,234")]);
        assert_eq!(text, " 顧客        1\n offers  1,234\n");
    }

    #[test]
    fn a_label_is_said_once() {
        let lines = [("next", "a".to_owned()), ("next", "b".to_owned()), ("table", "c".to_owned())];
        assert_eq!(labelled(0, &lines), "next   a\n       b\ntable  c\n");
    }
}
