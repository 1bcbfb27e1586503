//! A review as one page that stands alone: no scripts, nothing fetched, everything a skill says escaped.

use super::{Row, Section, identity, sections, summary};
use crate::plain::line;
use kapell_model::review::Review;
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");

/// What the page may do in a browser: show itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The whole page; it names exactly what was shown.
#[must_use]
pub fn html(review: &Review) -> String {
    let pin = &review.skill;
    let (name, version) = (escaped(pin.name.as_str()), escaped(&pin.version.to_string()));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Review of {name} {version}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<h1>{name} <span>{version}</span></h1>\n<p>{}</p>\n",
        escaped(&line(&review.summary))
    );
    for (tone, told) in summary(review) {
        let _ = writeln!(page, "<p class=\"told {}\">{}</p>", tone.word(), escaped(&told));
    }
    page.push_str("<dl>\n");
    for (name, value) in identity(review) {
        let _ = writeln!(page, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
    }
    page.push_str("</dl>\n</header>\n");
    sections(review).iter().for_each(|section| write_section(&mut page, section));
    let _ = write!(
        page,
        "<footer>\n<p>An approval is bound to exactly this review:</p>\n<p><code>{}</code></p>\n</footer>\n\
         </main>\n</body>\n</html>\n",
        review.digest()
    );
    page
}

fn write_section(page: &mut String, section: &Section) {
    let _ = writeln!(page, "<section>\n<h2>{}</h2>", escaped(&section.title));
    match section.rows.is_empty() {
        true => {
            let _ = writeln!(page, "<p class=\"none\">{}</p>", escaped(section.none));
        }
        false => {
            page.push_str("<ul>\n");
            section.rows.iter().for_each(|row| write_row(page, row));
            page.push_str("</ul>\n");
        }
    }
    page.push_str("</section>\n");
}

fn write_row(page: &mut String, row: &Row) {
    page.push_str("<li>");
    if let Some(mark) = row.mark {
        let _ = write!(page, "<b class=\"{}\">{}</b> ", mark.tone.word(), mark.word);
    }
    let _ = write!(page, "<div><code>{}</code>", escaped(&row.head));
    for note in &row.notes {
        let _ = write!(page, "<p>{}</p>", escaped(note));
    }
    page.push_str("</div></li>\n");
}

/// Text that is nothing but text, in an element or in quotes.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            letter => shown.push(letter),
        }
    }
    shown
}
