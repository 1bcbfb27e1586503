//! A review as one page that stands alone: no scripts, nothing fetched, everything a skill says escaped.

use super::{Row, Section, Sheet, flow, sheet};
use kapell_model::flow::FlowReview;
use kapell_model::review::Review;
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");

/// What the page may do in a browser: show itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The whole page of a skill; it names exactly what was shown.
#[must_use]
pub fn html(review: &Review) -> String {
    page(&sheet(review))
}

/// The whole page of a flow; it names exactly what was shown.
#[must_use]
pub fn flow_html(review: &FlowReview) -> String {
    page(&flow::sheet(review))
}

fn page(sheet: &Sheet) -> String {
    let (name, version) = (escaped(&sheet.name), escaped(&sheet.version));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Review of {name} {version}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<h1>{name} <span>{version}</span></h1>\n<p>{}</p>\n",
        escaped(&sheet.about)
    );
    for (tone, told) in &sheet.told {
        let _ = writeln!(page, "<p class=\"told {}\">{}</p>", tone.word(), escaped(told));
    }
    page.push_str("<dl>\n");
    for (name, value) in &sheet.identity {
        let _ = writeln!(page, "<dt>{name}</dt><dd>{}</dd>", escaped(value));
    }
    page.push_str("</dl>\n</header>\n");
    sheet.sections.iter().for_each(|section| write_section(&mut page, section));
    let _ = write!(
        page,
        "<footer>\n<p>An approval is bound to exactly this review:</p>\n<p><code>{}</code></p>\n</footer>\n\
         </main>\n</body>\n</html>\n",
        sheet.shown
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
