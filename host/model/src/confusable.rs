//! Names that people take for one another: `kapell:letter`, `kapel1:letter`, `kapell:1etter`, `kapell:let-ter`.
//!
//! A name holds nothing but small letters, digits and single dashes, so what is left to confuse is what looks alike
//! in common fonts. Two names that look the same once those are folded are confusable; two that then differ by one
//! letter are near, which a person may have meant.

use crate::id::SkillName;
use crate::source::distance;

/// Names shorter than this, folded, differ by one letter too easily to say anything.
const NEAR_FROM: usize = 8;

/// How alike two names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alike {
    /// They look the same.
    Confusable,
    /// One letter differs.
    Near,
}

/// How alike two different names are; none when they are the same name or nobody takes one for the other.
#[must_use]
pub fn alike(one: &SkillName, other: &SkillName) -> Option<Alike> {
    if one == other {
        return None;
    }
    let (one, other) = (folded(one.as_str()), folded(other.as_str()));
    match distance(&one, &other) {
        0 => Some(Alike::Confusable),
        1 if one.len().min(other.len()) >= NEAR_FROM => Some(Alike::Near),
        _ => None,
    }
}

/// The name with everything that looks alike written alike, and without what is overlooked.
fn folded(name: &str) -> String {
    let joined = name.replace("rn", "m").replace("vv", "w").replace("cl", "d");
    let alike = |letter: char| match letter {
        '1' | 'i' => 'l',
        '0' => 'o',
        '5' => 's',
        '2' => 'z',
        '8' => 'b',
        letter => letter,
    };
    joined.chars().filter(|letter| *letter != '-').map(alike).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_is_confusable_and_one_letter_is_near() {
        let told = |(one, other): &(&str, &str)| {
            let found = alike(&one.parse().unwrap(), &other.parse().unwrap());
            format!("{one} {other} {found:?}")
        };
        let table = [
            ("kapell:letter", "kapell:letter"),
            ("kapell:letter", "kapel1:letter"),
            ("kapell:letter", "kapell:let-ter"),
            ("kapell:letter", "kape-ll:letter"),
            ("acme:crm-tools", "acme:cm-tools"),
            ("acme:modern", "acme:modem"),
            ("acme:g00d", "acme:good"),
            ("kapell:letter", "kapell:letters"),
            ("kapell:letter", "kapell:latter"),
            ("kapell:letter", "kapell:ledger"),
            ("a:b", "a:c"),
            ("a:bl", "a:b1"),
        ];
        insta::assert_snapshot!(table.iter().map(told).collect::<Vec<_>>().join("\n"), @r#"
        kapell:letter kapell:letter None
        kapell:letter kapel1:letter Some(Confusable)
        kapell:letter kapell:let-ter Some(Confusable)
        kapell:letter kape-ll:letter Some(Confusable)
        acme:crm-tools acme:cm-tools Some(Near)
        acme:modern acme:modem Some(Confusable)
        acme:g00d acme:good Some(Confusable)
        kapell:letter kapell:letters Some(Near)
        kapell:letter kapell:latter Some(Near)
        kapell:letter kapell:ledger None
        a:b a:c None
        a:bl a:b1 Some(Confusable)
        "#);
    }
}
