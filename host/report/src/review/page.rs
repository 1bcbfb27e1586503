//! A review as a page.

use super::{Note, Row, Section, Sheet, flow, sheet};
use crate::page::{self, Markup};
use kapell_model::flow::FlowReview;
use kapell_model::review::Review;

/// The whole page of a skill; it names exactly what was shown.
#[must_use]
pub fn html(review: &Review) -> String {
    set(&sheet(review))
}

/// The whole page of a flow; it names exactly what was shown.
#[must_use]
pub fn flow_html(review: &FlowReview) -> String {
    set(&flow::sheet(review))
}

fn set(sheet: &Sheet) -> String {
    let mut page = Markup::default();
    page.tag("<header>\n<h1>").text(&sheet.name).tag(" <span>").text(&sheet.version).tag("</span></h1>\n");
    page.tag("<p>").text(&sheet.about).tag("</p>\n");
    for (tone, told) in &sheet.told {
        page.tag("<p class=\"told ").tag(tone.word()).tag("\">").text(told).tag("</p>\n");
    }
    page.tag("<dl>\n");
    for (name, value) in &sheet.identity {
        page.tag("<dt>").tag(name).tag("</dt><dd>").text(value).tag("</dd>\n");
    }
    page.tag("</dl>\n</header>\n");
    sheet.sections.iter().for_each(|section| write_section(&mut page, section));
    page.tag("<footer>\n<p>An approval is bound to exactly this review:</p>\n<p><code>");
    page.text(sheet.shown).tag("</code></p>\n</footer>\n");
    page::whole(&format!("Review of {} {}", sheet.name, sheet.version), "", &page)
}

fn write_section(page: &mut Markup, section: &Section) {
    page.tag("<section>\n<h2>").text(&section.title).tag("</h2>\n");
    if section.rows.is_empty() {
        page.tag("<p class=\"none\">").text(section.none).tag("</p>\n");
    } else {
        page.tag("<ul>\n");
        section.rows.iter().for_each(|row| write_row(page, row));
        page.tag("</ul>\n");
    }
    page.tag("</section>\n");
}

fn write_row(page: &mut Markup, row: &Row) {
    page.tag("<li>");
    if let Some(mark) = row.mark {
        page.tag("<b class=\"").tag(mark.tone.word()).tag("\">").text(mark.word).tag("</b> ");
    }
    page.tag("<div><code>").text(&row.head).tag("</code>");
    for note in &row.notes {
        match note {
            Note::Words(words) => page.tag("<p>").text(words).tag("</p>"),
            Note::Quoted(quoted) => page.tag("<pre>").text(quoted).tag("</pre>"),
        };
    }
    page.tag("</div></li>\n");
}
