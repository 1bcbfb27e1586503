//! A dossier as one page that stands alone.

use super::Dossier;
use super::chapters::{Block, chapters};
use crate::page::{Markup, whole};

const STYLE: &str = include_str!("page.css");

/// The whole page.
#[must_use]
pub fn html(dossier: &Dossier) -> String {
    let mut page = Markup::default();
    page.tag("<header>\n<h1>")
        .text(&dossier.flow)
        .tag(" <span>")
        .text(&dossier.version)
        .tag("</span></h1>\n");
    page.tag("<p>What a board asks of a flow, from flow, policy, approvals and journal</p>\n");
    page.tag("</header>\n");
    for chapter in chapters(dossier) {
        page.tag("<section>\n<h2>").tag(chapter.title).tag("</h2>\n");
        chapter.blocks.iter().for_each(|it| block(&mut page, it));
        page.tag("</section>\n");
    }
    whole(&format!("Dossier of {} {}", dossier.flow, dossier.version), STYLE, &page)
}

fn block(page: &mut Markup, block: &Block) {
    match block {
        Block::Part(title) => {
            page.tag("<h3>").coded(title).tag("</h3>\n");
        }
        Block::Text(words) => {
            page.tag("<p>").coded(words).tag("</p>\n");
        }
        Block::List(lines) => {
            page.tag("<ul>\n");
            for it in lines {
                page.tag("<li><div>").coded(it).tag("</div></li>\n");
            }
            page.tag("</ul>\n");
        }
        Block::Table(rows) => table(page, rows),
    }
}

fn table(page: &mut Markup, rows: &[Vec<String>]) {
    page.tag("<div class=\"wide\"><table>\n");
    for (index, row) in rows.iter().enumerate() {
        let (begins, ends) = if index == 0 { ("<th>", "</th>") } else { ("<td>", "</td>") };
        page.tag("<tr>");
        for cell in row {
            page.tag(begins).coded(cell).tag(ends);
        }
        page.tag("</tr>\n");
    }
    page.tag("</table></div>\n");
}
