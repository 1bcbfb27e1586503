//! Reads JSON in its canonical form (RFC 8785) and nothing else: no space, members in order and none twice, each text and
//! each number in its one spelling. What is read is told value by value, with the keys above it; nothing is built.
//!
//! Two readers can't understand one canonical text differently, which is why entries have to be one.

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
    Text(&'a [u8]),
    /// A number as it is written.
    Number(&'a [u8]),
    /// `true`, `false` or `null`, as it is written.
    Word(&'a [u8]),
    /// An object begins.
    Object,
    /// A list begins.
    List,
}

/// Reads one whole value. Places in a list count as no key.
///
/// # Errors
/// The first byte that is not as it must be.
pub(crate) fn read<'a>(bytes: &'a [u8], each: impl FnMut(&[&'a [u8]], Seen<'a>)) -> Result<(), Fault> {
    if let Err(odd) = std::str::from_utf8(bytes) {
        return Err(Fault { at: odd.valid_up_to(), why: "is no UTF-8" });
    }
    let mut reader = Reader { bytes, at: 0, keys: [&[]; KEYS], above: 0, depth: 0, each };
    reader.value()?;
    if reader.at == bytes.len() { Ok(()) } else { reader.fault("follows the end of the value") }
}

struct Reader<'a, F> {
    bytes: &'a [u8],
    at: usize,
    keys: [&'a [u8]; KEYS],
    /// How many keys stand above, told or not.
    above: usize,
    depth: usize,
    each: F,
}

impl<'a, F: FnMut(&[&'a [u8]], Seen<'a>)> Reader<'a, F> {
    fn fault<T>(&self, why: &'static str) -> Result<T, Fault> {
        Err(Fault { at: self.at, why })
    }

    fn next(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is = self.next() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn since(&self, begins: usize) -> &'a [u8] {
        self.bytes.get(begins..self.at).unwrap_or_default()
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
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let word = [&b"true"[..], b"false", b"null"].into_iter().find(|word| rest.starts_with(word));
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
        let mut before: Option<&'a [u8]> = None;
        loop {
            let begins = self.at;
            let key = self.text()?;
            if before.is_some_and(|before| !is_before(before, key)) {
                return Err(Fault { at: begins, why: "is a key out of order" });
            }
            if !self.take(b':') {
                return self.fault("does not go on with the object");
            }
            self.below(key)?;
            before = Some(key);
            match () {
                () if self.take(b'}') => return Ok(()),
                () if self.take(b',') => {}
                () => return self.fault("does not go on with the object"),
            }
        }
    }

    /// The value of a key.
    fn below(&mut self, key: &'a [u8]) -> Result<(), Fault> {
        if let Some(place) = self.keys.get_mut(self.above) {
            *place = key;
        }
        self.above += 1;
        self.value()?;
        self.above -= 1;
        Ok(())
    }

    fn text(&mut self) -> Result<&'a [u8], Fault> {
        if !self.take(b'"') {
            return self.fault("begins no text");
        }
        let begins = self.at;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            self.at += plain(rest);
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
        let taken = match self.bytes.get(self.at + 1..).unwrap_or_default() {
            [b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', b'0', b'0', high @ b'0'..=b'1', low @ (b'0'..=b'9' | b'a'..=b'f'), ..]
                if !has_letter(*high, *low) =>
            {
                6
            }
            _ => return self.fault("is another escape than the canonical one"),
        };
        self.at += taken;
        Ok(())
    }

    fn number(&mut self) -> Result<&'a [u8], Fault> {
        let begins = self.at;
        let rest = self.bytes.get(begins..).unwrap_or_default();
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

/// How many bytes stand before the first that ends a text or needs an escape: eight at a time, as long as none of eight
/// does.
fn plain(bytes: &[u8]) -> usize {
    const EACH: u64 = u64::MAX / 255;
    let (eights, _) = bytes.as_chunks::<8>();
    let is_plain = |eight: &&[u8; 8]| {
        let eight = u64::from_le_bytes(**eight);
        // The highest bit of a byte of each is set where that byte is below the other number; what a byte borrows from the
        // next one only ever sets more, and then the bytes are looked at one by one.
        let below = |all: u64, least: u64| all.wrapping_sub(EACH * least) & !all;
        let odd = below(eight, 0x20)
            | below(eight ^ (EACH * u64::from(b'"')), 1)
            | below(eight ^ (EACH * u64::from(b'\\')), 1);
        odd & (EACH * 0x80) == 0
    };
    let skipped = 8 * eights.iter().take_while(is_plain).count();
    let rest = bytes.get(skipped..).unwrap_or_default();
    let odd = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    skipped + odd.unwrap_or(rest.len())
}

/// Whether a control character of these two digits has an escape of its own: `\b \t \n \f \r`.
const fn has_letter(high: u8, low: u8) -> bool {
    high == b'0' && matches!(low, b'8' | b'9' | b'a' | b'c' | b'd')
}

/// Digits without a zero before them, few enough that they are the canonical ones.
fn is_plain(written: &[u8]) -> bool {
    match written {
        b"0" => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < EXACT && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// Whether a number is spelt as RFC 8785 has it: as ECMAScript's `Number::toString` does, which takes the even digit
/// where two are equally near.
fn is_spelt(written: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(written) else { return false };
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && !text.ends_with('.'));
    number.is_some_and(|number| ryu_js::Buffer::new().format_finite(number) == text)
}

/// The order of keys: by their UTF-16 code units, which for plain ASCII is that of the bytes.
fn is_before(one: &[u8], two: &[u8]) -> bool {
    let is_plain = |key: &[u8]| key.iter().all(|byte| byte.is_ascii() && *byte != b'\\');
    match is_plain(one) && is_plain(two) {
        true => one < two,
        false => units(one) < units(two),
    }
}

/// The code units of a key once its escapes are taken back.
fn units(key: &[u8]) -> Vec<u16> {
    unescaped(key).encode_utf16().collect()
}

/// The text that stands between quotes; it was read before, so it has no other escapes than the canonical ones.
pub(crate) fn unescaped(raw: &[u8]) -> String {
    let (mut text, mut rest) = (Vec::with_capacity(raw.len()), raw);
    loop {
        rest = match rest {
            [] => return String::from_utf8_lossy(&text).into_owned(),
            [b'\\', b'u', _, _, high, low, rest @ ..] => {
                let digits = [*high, *low];
                let code = std::str::from_utf8(&digits).ok().and_then(|it| u8::from_str_radix(it, 16).ok());
                text.push(code.unwrap_or(b'?'));
                rest
            }
            [b'\\', letter, rest @ ..] => {
                text.push(match letter {
                    b'b' => 8,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'f' => 12,
                    b'r' => b'\r',
                    other => *other,
                });
                rest
            }
            [byte, rest @ ..] => {
                text.push(*byte);
                rest
            }
        };
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
        let shown = |keys: &[&[u8]]| {
            keys.iter().map(|key| String::from_utf8_lossy(key)).collect::<Vec<_>>().join(".")
        };
        read(text.as_bytes(), |keys, seen| match seen {
            Seen::Text(text) => told.push(format!("{}={}", shown(keys), unescaped(text))),
            Seen::Number(number) => told.push(format!("{}={}", shown(keys), String::from_utf8_lossy(number))),
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
