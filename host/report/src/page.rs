//! The frame of every page: one file that stands alone, without scripts, with nothing fetched, in light and dark.
//!
//! Only two things go into a page: tags that are literals of this program, and text, which is escaped on its way in.
//! The compiler holds the two apart, so nothing a guest or a stranger wrote can become markup.

use crate::plain;
use std::fmt::{Display, Write as _};

const STYLE: &str = include_str!("page.css");

/// What a page may do in a browser: show itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// A piece of a page, or of a drawing on it, while it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markup(String);

impl Markup {
    /// Writes markup; only literals are.
    pub fn tag(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Writes text that is nothing but text, in an element or in quotes. What can't be seen is shown as an escape; line
    /// breaks stay.
    pub fn text(&mut self, text: impl Display) -> &mut Self {
        for letter in plain::lines(&text.to_string()).chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                letter => self.0.push(letter),
            }
        }
        self
    }

    /// Writes text in which code stands between backticks; one that has no other half is only a letter.
    pub fn coded(&mut self, text: impl Display) -> &mut Self {
        let text = text.to_string();
        let pieces: Vec<&str> = text.split('`').collect();
        if pieces.len().is_multiple_of(2) {
            return self.text(text);
        }
        for (index, piece) in pieces.into_iter().enumerate() {
            match index % 2 {
                0 => self.text(piece),
                _ => self.tag("<code>").text(piece).tag("</code>"),
            };
        }
        self
    }

    /// Writes another piece.
    pub fn add(&mut self, piece: &Markup) -> &mut Self {
        self.0.push_str(&piece.0);
        self
    }

    /// Whether nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The whole page. `style` is what this kind of page adds to the style they share.
#[must_use]
pub fn whole(title: &str, style: &'static str, body: &Markup) -> String {
    let mut shown = Markup::default();
    shown.text(plain::line(title));
    let mut page = String::new();
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>\n{STYLE}{style}</style>\n</head>\n<body>\n<main>\n{}</main>\n</body>\n</html>\n",
        shown.0, body.0
    );
    page
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// What a hostile author would write wherever people read.
    pub(crate) const HOSTILE: &str = "</code></style></title><script>alert(1)</script><img src=x onerror=\"alert('2')\">\u{1b}[2J\u{202e}&amp;";

    /// The elements a page has.
    pub(crate) fn elements(page: &str) -> BTreeSet<String> {
        let tags = page.match_indices('<').map(|(at, _)| {
            let rest = page.get(at + 1..).unwrap().trim_start_matches('/');
            let name = rest.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '!').next();
            name.unwrap().to_owned()
        });
        tags.collect()
    }

    /// Ends the test when a page could run, fetch or hide something, whatever is written on it.
    #[track_caller]
    pub(crate) fn stands_alone(page: &str) {
        let style = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).unwrap().0;
        for outside in ["//", "url(", "@import"] {
            assert!(!style.contains(outside), "{outside}");
        }
        // Every tag without what stands in quotes.
        let tags = page.split('<').filter_map(|rest| Some(rest.split_once('>')?.0));
        let bare: String = tags.flat_map(|tag| tag.split('"').step_by(2)).collect();
        for outside in ["src", "href", "style=", "onerror", "script", "link"] {
            assert!(!bare.contains(outside), "{outside}");
        }
        let hidden = |letter: char| (letter.is_control() && letter != '\n') || letter == '\u{202e}';
        assert!(!page.chars().any(hidden));
    }

    #[test]
    fn nothing_that_is_text_becomes_markup_wherever_it_stands() {
        let mut body = Markup::default();
        body.tag("<p title=\"").text(HOSTILE).tag("\">").text(HOSTILE).tag("</p>\n");
        let page = whole(HOSTILE, "", &body);
        let known = ["!doctype", "body", "head", "html", "main", "meta", "p", "style", "title"];
        assert_eq!(elements(&page), known.map(str::to_owned).into());
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        stands_alone(&page);
    }

    #[test]
    fn code_is_code_and_never_markup() {
        let mut body = Markup::default();
        body.coded("holds: `a < b`").coded("one ` alone <b>");
        assert_eq!(body, Markup("holds: <code>a &lt; b</code>one ` alone &lt;b&gt;".into()));
    }

    #[test]
    fn lines_stay_apart_in_a_text_and_not_in_a_title() {
        let mut body = Markup::default();
        body.text("one\ntwo\u{7}");
        assert_eq!(body, Markup("one\ntwo\\u{7}".into()));
        assert!(whole("one\ntwo", "", &body).contains("<title>one\\ntwo</title>"));
    }
}
