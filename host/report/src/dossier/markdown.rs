//! A dossier as Markdown. Whatever others wrote in it stays text: nothing of it becomes a heading, a link or markup.

use super::Dossier;
use super::chapters::{Block, chapters};
use crate::plain::line;
use std::fmt::Write as _;

/// What means something in Markdown outside code.
const MEANING: &str = "\\*_[]<>#|&~";

/// The whole document.
#[must_use]
pub fn text(dossier: &Dossier) -> String {
    let mut text = format!("# {} {}\n", dossier.flow, marked(&dossier.version));
    for chapter in chapters(dossier) {
        let _ = write!(text, "\n## {}\n", chapter.title);
        chapter.blocks.iter().for_each(|block| write_block(&mut text, block));
    }
    text
}

fn write_block(text: &mut String, block: &Block) {
    text.push('\n');
    let mut say = |words: String| {
        let _ = writeln!(text, "{words}");
    };
    match block {
        Block::Part(title) => say(format!("### {}", marked(title))),
        Block::Text(words) => say(marked(words)),
        Block::List(lines) => lines.iter().for_each(|it| say(format!("- {}", marked(it)))),
        Block::Table(rows) => write_table(text, rows),
    }
}

fn write_table(text: &mut String, rows: &[Vec<String>]) {
    for (index, row) in rows.iter().enumerate() {
        // A bar ends a cell even within code.
        let cells = row.iter().map(|cell| marked(&cell.replace('`', "'"))).collect::<Vec<_>>().join(" | ");
        let _ = writeln!(text, "| {cells} |");
        if index == 0 {
            let _ = writeln!(text, "|{}", " --- |".repeat(row.len()));
        }
    }
}

/// A text as Markdown: code between backticks as it is, everything else with a backslash before what means something.
fn marked(text: &str) -> String {
    let text = line(text);
    let pieces: Vec<&str> = text.split('`').collect();
    let paired = pieces.len() % 2 == 1;
    let piece = |(index, piece): (usize, &&str)| match paired && index % 2 == 1 {
        true => (*piece).to_owned(),
        false => escaped(piece),
    };
    pieces.iter().enumerate().map(piece).collect::<Vec<_>>().join(if paired { "`" } else { "\\`" })
}

fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if MEANING.contains(letter) {
            shown.push('\\');
        }
        shown.push(letter);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_text() {
        assert_eq!(marked("# a\n## b"), "\\# a\\\\n\\#\\# b");
        assert_eq!(
            marked("[x](javascript:1) <b> *c* _d_ | e"),
            "\\[x\\](javascript:1) \\<b\\> \\*c\\* \\_d\\_ \\| e"
        );
        assert_eq!(marked("only when `a_b == '*'` holds"), "only when `a_b == '*'` holds");
        assert_eq!(marked("a ` <b>"), "a \\` \\<b\\>");
        let mut text = String::new();
        write_table(&mut text, &[vec!["a".into()], vec!["`x|y`".into()]]);
        assert_eq!(text, "| a |\n| --- |\n| 'x\\|y' |\n");
    }
}
