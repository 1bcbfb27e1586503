//! The list of a log's keys: where one was begun in the place of another, by whom and why. It is the word of whoever made the
//! file; that it is one list, in one spelling, is all that is checked.

use crate::canonical::{self, Seen};
use crate::note::{Key, number};

/// A key and how it began.
pub(crate) struct Begun {
    pub(crate) key: Key,
    /// How many entries there were.
    pub(crate) size: u64,
    /// When, in milliseconds since 1970.
    pub(crate) at: u64,
    /// Who began it and why, safe to print; empty for the first.
    pub(crate) by: String,
    pub(crate) reason: String,
}

/// The members of one key, as they stand in the file.
#[derive(Default)]
struct Members<'a> {
    at: &'a str,
    by: Option<&'a str>,
    key: &'a str,
    reason: Option<&'a str>,
    size: &'a str,
}

/// Reads the list, the oldest key first.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Begun>, &'static str> {
    let (mut all, mut lists, mut odd): (Vec<Members<'_>>, usize, bool) = (Vec::new(), 0, false);
    let form = canonical::read(bytes, |keys, seen| match (keys, seen) {
        ([], Seen::List) => lists += 1,
        ([], Seen::Object) => all.push(Members::default()),
        ([name], seen) => odd |= !all.last_mut().is_some_and(|last| last.put(name, seen)),
        _ => odd = true,
    });
    if form.is_err() || odd || lists != 1 || !bytes.starts_with(b"[") {
        return Err("it is no list of keys in canonical form");
    }
    let begun = all.iter().enumerate().map(|(place, members)| members.begun(place > 0));
    begun.collect::<Option<_>>().ok_or("one of its keys does not say what it must")
}

impl<'a> Members<'a> {
    /// Whether a member is one of a key's.
    fn put(&mut self, name: &str, seen: Seen<'a>) -> bool {
        match (name, seen) {
            ("at", Seen::Number(at)) => self.at = at,
            ("by", Seen::Text(by)) => self.by = Some(by),
            ("key", Seen::Text(key)) => self.key = key,
            ("reason", Seen::Text(reason)) => self.reason = Some(reason),
            ("size", Seen::Number(size)) => self.size = size,
            _ => return false,
        }
        true
    }

    fn begun(&self, follows: bool) -> Option<Begun> {
        let said = |words: Option<&str>| match words {
            Some(words) => Some(words.escape_debug().to_string()),
            // The first key is begun in nobody's place.
            None => (!follows).then(String::new),
        };
        Some(Begun {
            key: Key::read(self.key).ok()?,
            size: number(self.size)?,
            at: number(self.at)?,
            by: said(self.by)?,
            reason: said(self.reason)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn a_key_says_who_began_it_and_why() {
        let first = format!(r#"{{"at":1,"key":"{KEY}","size":0}}"#);
        let second = format!(r#"{{"at":2,"by":"user:ada","key":"{KEY}","reason":"lost\u001b","size":7}}"#);
        let told = |text: &str| read(text.as_bytes()).map(|all| all.len());
        let begun = read(format!("[{first},{second}]").as_bytes()).ok().and_then(|mut all| all.pop());
        let begun = begun.map(|it| (it.size, it.at, it.by, it.reason));
        assert_eq!(begun, Some((7, 2, "user:ada".into(), "lost\\\\u001b".into())));
        let lacks = Err("one of its keys does not say what it must");
        assert_eq!(told(&format!("[{first},{first}]")), lacks, "nobody says why");
        assert_eq!(told(&format!("[{}]", first.replace("c74f", "c74e"))), lacks);
        let none = Err("it is no list of keys in canonical form");
        assert_eq!(told(&format!("[{}]", first.replace("size", "sizes"))), none);
        assert_eq!(told(&format!("[[{first}]]")), none);
        assert_eq!(told(&first), none);
        assert_eq!(told("[] "), none);
    }
}
