//! Reads JSON in its canonical form (RFC 8785) and nothing else: no space, members in order and none twice, each text and
//! each number in its one spelling. What is read is told value by value, with the keys above it; nothing is built.
//!
//! Two readers can't understand one canonical text differently, which is why entries have to be one.

use std::borrow::Cow;

/// How deep values may stand in each other.
const DEPTH_MAX: usize = 128;
/// How many keys above a value are told; deeper values are checked and not told.
const KEYS: usize = 6;
/// Digits that any double holds as they are.
const EXACT: usize = 15;

/// What is not as the canonical form has it, and at which byte.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) why: &'static str,
}

/// A value as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen<'a> {
    /// A text without its quotes, escapes as they are written.
    Text(&'a str),
    /// A number as it is written.
    Number(&'a str),
    /// `true`, `false` or `null`, as it is written.
    Word(&'a str),
    /// An object begins.
    Object,
    /// A list begins.
    List,
}

/// Reads one whole value. Places in a list count as no key.
///
/// # Errors
/// The first byte that is not as it must be.
pub(crate) fn read<'a>(bytes: &'a [u8], each: impl FnMut(&[&'a str], Seen<'a>)) -> Result<(), Fault> {
    let text =
        std::str::from_utf8(bytes).map_err(|odd| Fault { at: odd.valid_up_to(), why: "is no UTF-8" })?;
    let is_ascii = text.is_ascii();
    let mut reader = Reader { text, is_ascii, at: 0, escapes: 0, keys: [""; KEYS], above: 0, depth: 0, each };
    reader.value()?;
    if reader.at == text.len() { Ok(()) } else { reader.fault("follows the end of the value") }
}

struct Reader<'a, F> {
    text: &'a str,
    is_ascii: bool,
    at: usize,
    /// How many escapes stood before.
    escapes: usize,
    keys: [&'a str; KEYS],
    /// How many keys stand above, told or not.
    above: usize,
    depth: usize,
    each: F,
}

/// The key of a member.
#[derive(Clone, Copy)]
struct Key<'a> {
    text: &'a str,
    /// Whether it is ASCII without an escape.
    is_plain: bool,
}

impl<'a, F: FnMut(&[&'a str], Seen<'a>)> Reader<'a, F> {
    fn fault<T>(&self, why: &'static str) -> Result<T, Fault> {
        Err(Fault { at: self.at, why })
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is = self.next() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn since(&self, begins: usize) -> &'a str {
        self.text.get(begins..self.at).unwrap_or_default()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn tell(&mut self, seen: Seen<'a>) {
        if let Some(keys) = self.keys.get(..self.above) {
            (self.each)(keys, seen);
        }
    }

    fn value(&mut self) -> Result<(), Fault> {
        match self.next() {
            Some(b'"') => {
                let text = self.text()?;
                self.tell(Seen::Text(text));
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => {
                let number = self.number()?;
                self.tell(Seen::Number(number));
                Ok(())
            }
            Some(b'{') => self.within(Seen::Object, Self::object),
            Some(b'[') => self.within(Seen::List, Self::list),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        let word = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word.as_bytes()));
        let Some(word) = word else { return self.fault("begins no value") };
        self.at += word.len();
        self.tell(Seen::Word(word));
        Ok(())
    }

    fn within(
        &mut self,
        what: Seen<'a>,
        read: impl FnOnce(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.depth == DEPTH_MAX {
            return self.fault("stands too deep");
        }
        self.tell(what);
        self.at += 1;
        self.depth += 1;
        read(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn list(&mut self) -> Result<(), Fault> {
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value()?;
            match () {
                () if self.take(b']') => return Ok(()),
                () if self.take(b',') => {}
                () => return self.fault("does not go on with the list"),
            }
        }
    }

    fn object(&mut self) -> Result<(), Fault> {
        if self.take(b'}') {
            return Ok(());
        }
        let mut before: Option<Key<'a>> = None;
        loop {
            let begins = self.at;
            let key = self.key()?;
            if before.is_some_and(|before| !is_before(before, key)) {
                return Err(Fault { at: begins, why: "is a key out of order" });
            }
            if !self.take(b':') {
                return self.fault("does not go on with the object");
            }
            self.below(key.text)?;
            before = Some(key);
            match () {
                () if self.take(b'}') => return Ok(()),
                () if self.take(b',') => {}
                () => return self.fault("does not go on with the object"),
            }
        }
    }

    /// The value of a key.
    fn below(&mut self, key: &'a str) -> Result<(), Fault> {
        if let Some(place) = self.keys.get_mut(self.above) {
            *place = key;
        }
        self.above += 1;
        self.value()?;
        self.above -= 1;
        Ok(())
    }

    fn key(&mut self) -> Result<Key<'a>, Fault> {
        let escapes = self.escapes;
        let text = self.text()?;
        Ok(Key { text, is_plain: self.is_ascii && self.escapes == escapes })
    }

    fn text(&mut self) -> Result<&'a str, Fault> {
        if !self.take(b'"') {
            return self.fault("begins no text");
        }
        let begins = self.at;
        loop {
            self.at += plain(self.rest());
            match self.next() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                _ => return self.fault("does not go on with the text"),
            }
        }
        let text = self.since(begins);
        self.at += 1;
        Ok(text)
    }

    /// A letter where there is one, else four digits; nothing that needs no escape.
    fn escape(&mut self) -> Result<(), Fault> {
        let taken = match self.rest().get(1..).unwrap_or_default() {
            [b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', b'0', b'0', high @ b'0'..=b'1', low @ (b'0'..=b'9' | b'a'..=b'f'), ..]
                if !has_letter(*high, *low) =>
            {
                6
            }
            _ => return self.fault("is another escape than the canonical one"),
        };
        self.escapes += 1;
        self.at += taken;
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str, Fault> {
        let (begins, rest) = (self.at, self.rest());
        let ends = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e'));
        self.at += ends.unwrap_or(rest.len());
        let written = self.since(begins);
        if is_plain(written) || is_spelt(written) {
            Ok(written)
        } else {
            Err(Fault { at: begins, why: "is another spelling of a number than the canonical one" })
        }
    }
}

/// How many bytes stand before the first that ends a text or needs an escape, looked for in eight at a time.
fn plain(bytes: &[u8]) -> usize {
    const EACH: u64 = u64::MAX / 255;
    let (eights, rest) = bytes.as_chunks::<8>();
    for (place, eight) in eights.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        // The highest bit of a byte of each is set where that byte is below the other number. What a byte borrows from the
        // next one may set that one too, so that the first is sure.
        let below = |all: u64, least: u64| all.wrapping_sub(EACH * least) & !all;
        let odd = below(eight, 0x20)
            | below(eight ^ (EACH * u64::from(b'"')), 1)
            | below(eight ^ (EACH * u64::from(b'\\')), 1);
        let odd = odd & (EACH * 0x80);
        if odd != 0 {
            return 8 * place + odd.trailing_zeros() as usize / 8;
        }
    }
    let odd = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    bytes.len() - rest.len() + odd.unwrap_or(rest.len())
}

/// Whether a control character of these two digits has an escape of its own: `\b \t \n \f \r`.
const fn has_letter(high: u8, low: u8) -> bool {
    high == b'0' && matches!(low, b'8' | b'9' | b'a' | b'c' | b'd')
}

/// Digits without a zero before them, few enough that they are the canonical ones.
fn is_plain(written: &str) -> bool {
    match written.as_bytes() {
        b"0" => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < EXACT && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// Whether a number is spelt as RFC 8785 has it: as ECMAScript's `Number::toString` does, which takes the even digit
/// where two are equally near.
fn is_spelt(written: &str) -> bool {
    let number = written.parse::<f64>().ok().filter(|number| number.is_finite() && !written.ends_with('.'));
    number.is_some_and(|number| ryu_js::Buffer::new().format_finite(number) == written)
}

/// The order of keys: by their UTF-16 code units, which for plain ASCII is that of the bytes.
fn is_before(one: Key<'_>, two: Key<'_>) -> bool {
    match one.is_plain && two.is_plain {
        true => one.text < two.text,
        false => unescaped(one.text).encode_utf16().lt(unescaped(two.text).encode_utf16()),
    }
}

/// The text that stands between quotes; it was read before, so it has no other escapes than the canonical ones.
pub(crate) fn unescaped(raw: &str) -> Cow<'_, str> {
    let Some((plain, escaped)) = raw.split_once('\\') else { return Cow::Borrowed(raw) };
    let (mut text, mut rest) = (plain.to_owned(), escaped);
    loop {
        let mut letters = rest.chars();
        text.push(match letters.next() {
            Some('b') => '\u{8}',
            Some('t') => '\t',
            Some('n') => '\n',
            Some('f') => '\u{c}',
            Some('r') => '\r',
            Some('u') => {
                let code = letters.as_str().get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
                letters = letters.as_str().get(4..).unwrap_or_default().chars();
                code.and_then(char::from_u32).unwrap_or('?')
            }
            Some(other) => other,
            None => return Cow::Owned(text),
        });
        let Some((plain, escaped)) = letters.as_str().split_once('\\') else {
            text.push_str(letters.as_str());
            return Cow::Owned(text);
        };
        text.push_str(plain);
        rest = escaped;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    fn fault(text: &str) -> Option<(usize, &'static str)> {
        read(text.as_bytes(), |_, _| {}).err().map(|fault| (fault.at, fault.why))
    }

    #[test]
    fn only_the_canonical_form_is_read() {
        for good in [
            "null",
            "{}",
            "[]",
            r#"{"a":[1,"b\n\u001f\"",-0.5],"b":{}}"#,
            "1e+21",
            "1e-7",
            "123456789012345680000",
            // As near as …87.3, and even.
            "627279265413887.2",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        assert_eq!(fault(r#"{"a": 1}"#), Some((5, "begins no value")));
        assert_eq!(fault(r#"{"b":1,"a":1}"#), Some((7, "is a key out of order")));
        assert_eq!(fault(r#"{"a":1,"a":1}"#), Some((7, "is a key out of order")));
        assert_eq!(
            fault("{\"\u{fb33}\":1,\"\u{1f600}\":2}"),
            Some((9, "is a key out of order")),
            "by UTF-16"
        );
        assert_eq!(fault(r#""\/""#), Some((1, "is another escape than the canonical one")));
        assert_eq!(fault(r#""\u000a""#), Some((1, "is another escape than the canonical one")));
        assert_eq!(fault(r#""\u001F""#), Some((1, "is another escape than the canonical one")));
        assert_eq!(fault("\"\n\""), Some((1, "does not go on with the text")));
        for bad in [
            "01",
            "1.0",
            "-0",
            "1E2",
            "1e2",
            "+1",
            "1.",
            "1e999",
            "9007199254740993",
            "0.10",
            "--1",
            "627279265413887.3",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
        assert_eq!(fault("nullnull"), Some((4, "follows the end of the value")));
        assert_eq!(fault("[1"), Some((2, "does not go on with the list")));
        let deep = [vec![b'['; 200], vec![b']'; 200]].concat();
        assert_eq!(read(&deep, |_, _| {}).unwrap_err(), Fault { at: 128, why: "stands too deep" });
        assert_eq!(read(b"\"\xff\"", |_, _| {}).unwrap_err(), Fault { at: 1, why: "is no UTF-8" });
    }

    #[test]
    fn values_are_told_with_the_keys_above_them() {
        let text = json!({ "a": { "b": ["x", { "c": 7 }] }, "d": null }).to_string();
        let mut told = Vec::new();
        let shown = |keys: &[&str]| keys.join(".");
        read(text.as_bytes(), |keys, seen| match seen {
            Seen::Text(text) => told.push(format!("{}={}", shown(keys), unescaped(text))),
            Seen::Number(number) => told.push(format!("{}={number}", shown(keys))),
            Seen::Word(_) => told.push(shown(keys)),
            Seen::Object | Seen::List => {}
        })
        .unwrap();
        assert_eq!(told, ["a.b=x", "a.b.c=7", "d"]);
    }

    proptest! {
        #[test]
        fn eight_at_a_time_is_one_at_a_time(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let odd = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            prop_assert_eq!(plain(&bytes), odd.unwrap_or(bytes.len()));
        }
    }

    proptest! {
        #[test]
        fn what_is_escaped_comes_back(text: String, odd in "[\"\\\\/\u{0}-\u{1f}\u{7f}aé]{0,12}") {
            for text in [text, odd] {
                let written = serde_json_canonicalizer::to_string(&text).unwrap();
                prop_assert_eq!(unescaped(&written[1..written.len() - 1]), text);
            }
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let number = prop_oneof![
            any::<i64>().prop_map(Value::from),
            prop::num::f64::NORMAL.prop_map(Value::from),
            prop::num::f64::SUBNORMAL.prop_map(Value::from),
            (-1e22..1e22).prop_map(|number: f64| Value::from(number.trunc())),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            number,
            any::<String>().prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn whatever_the_library_writes_is_read(value in values()) {
            let written = serde_json_canonicalizer::to_vec(&value).unwrap();
            prop_assert_eq!(read(&written, |_, _| {}), Ok(()));
        }

        /// What is read is what the library would write for it: there is one spelling.
        #[test]
        fn a_changed_byte_is_refused_or_another_canonical_text(value in values(), at in any::<prop::sample::Index>(), byte: u8) {
            let mut written = serde_json_canonicalizer::to_vec(&value).unwrap();
            let at = at.index(written.len());
            written.splice(at..=at, [byte]);
            if read(&written, |_, _| {}).is_ok() {
                let again: Value = serde_json::from_slice(&written).unwrap();
                prop_assert_eq!(serde_json_canonicalizer::to_vec(&again).unwrap(), written);
            }
        }

        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, |_, _| {});
        }
    }
}
