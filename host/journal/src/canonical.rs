//! Canonical JSON (RFC 8785), written in one pass into one buffer.
//!
//! Every entry and every value of a step comes through here, so it is on every step's bill. `serde_json` writes
//! texts and small integers and `serde_json_canonicalizer` every other number; all that is done here is to put the
//! members of an object in order where they do not stand in order already. That library could do the whole, with a
//! tree, a second parse and several allocations for each member; a property test holds the two equal.

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};
use std::cmp::Ordering;
use std::io;

/// Below this an integer is written as its digits; above, as the double it is to whoever reads JSON.
const EXACT_MAX: u64 = 1 << 53;

/// The canonical JSON of a value. A bare float that is no number would come out as `null`; no type of ours holds
/// one, and `serde_json::Value` can't.
///
/// # Errors
/// When the value has no JSON form: a map with keys that are no texts, or with one key twice.
pub(crate) fn to_vec<T: Serialize>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut written = InOrder { text: Vec::with_capacity(1024), ..InOrder::default() };
    value.serialize(&mut Serializer::with_formatter(Nowhere, &mut written))?;
    Ok(written.text)
}

/// The formatter keeps the text itself, to move members in it. What would pass it by is an error, not a gap.
struct Nowhere;

impl io::Write for Nowhere {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("this kind of value has no canonical form here"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Text in which every finished object has its members in order.
#[derive(Default)]
struct InOrder {
    text: Vec<u8>,
    /// The objects that are open, outermost first.
    open: Vec<Open>,
    /// The finished members of all open objects.
    members: Vec<Member>,
    /// Where an object's members wait while they change places.
    moved: Vec<u8>,
}

/// An object whose end has not come yet.
struct Open {
    /// Where its first member begins in the text.
    begins: usize,
    /// Its first member in the list of all.
    members: usize,
    /// Where the present member and its value begin.
    key: usize,
    value: usize,
    /// Whether the present key is ASCII and stands there as it is.
    plain: bool,
}

/// A member by its places in the text, its key with the quotes.
#[derive(Clone, Copy)]
struct Member {
    key: usize,
    value: usize,
    ends: usize,
    plain: bool,
}

impl InOrder {
    /// Puts the members of an object that has ended in order.
    fn arrange(&mut self, object: &Open) -> io::Result<()> {
        let (text, Some(members)) = (&self.text, self.members.get_mut(object.members..)) else {
            return Ok(());
        };
        let before = |one: &Member, two: &Member| order(text, one, two) == Ordering::Less;
        if !members.is_sorted_by(before) {
            members.sort_by(|one, two| order(text, one, two));
            if !members.is_sorted_by(before) {
                return Err(io::Error::other("an object has one key twice"));
            }
            self.rewrite(object);
        }
        self.members.truncate(object.members);
        Ok(())
    }

    /// Writes the members again in the order of the list.
    fn rewrite(&mut self, object: &Open) {
        self.moved.clear();
        self.moved.extend(self.text.drain(object.begins..));
        for member in self.members.iter().skip(object.members) {
            if self.text.len() > object.begins {
                self.text.push(b',');
            }
            let places = member.key - object.begins..member.ends - object.begins;
            self.text.extend(self.moved.get(places).unwrap_or_default());
        }
    }

    /// Whole numbers that a double holds are their digits; what others look like the library knows.
    fn number(&mut self, number: impl Serialize) -> io::Result<()> {
        self.text.extend(serde_json_canonicalizer::to_vec(&number)?);
        Ok(())
    }
}

/// A member's key without its quotes.
fn key<'a>(text: &'a [u8], member: &Member) -> &'a [u8] {
    text.get(member.key + 1..member.value - 2).unwrap_or_default()
}

/// RFC 8785 orders keys by their UTF-16 code units; for plain ASCII that is the order of the bytes.
fn order(text: &[u8], one: &Member, two: &Member) -> Ordering {
    let plain = one.plain && two.plain;
    let (one, two) = (key(text, one), key(text, two));
    if plain { one.cmp(two) } else { utf16(one).cmp(&utf16(two)) }
}

/// The code units of a key as it was before it was written; it was written a moment ago, so it can be read.
fn utf16(key: &[u8]) -> Vec<u16> {
    let quoted = [b"\"", key, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).unwrap_or_default().encode_utf16().collect()
}

/// A number type that goes the way of a wider one.
macro_rules! as_wider {
    ($($write:ident($narrow:ty) => $wider:ident),* $(,)?) => {
        $(fn $write<W: ?Sized + io::Write>(&mut self, to: &mut W, value: $narrow) -> io::Result<()> {
            self.$wider(to, value.into())
        })*
    };
}

/// Called by the serializer piece by piece; the writer is never written to.
impl Formatter for &mut InOrder {
    as_wider!(
        write_i8(i8) => write_i64,
        write_i16(i16) => write_i64,
        write_i32(i32) => write_i64,
        write_u8(u8) => write_u64,
        write_u16(u16) => write_u64,
        write_u32(u32) => write_u64,
        write_f32(f32) => write_f64,
    );

    fn write_null<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        CompactFormatter.write_null(&mut self.text)
    }

    fn write_bool<W: ?Sized + io::Write>(&mut self, _: &mut W, value: bool) -> io::Result<()> {
        CompactFormatter.write_bool(&mut self.text, value)
    }

    fn write_u64<W: ?Sized + io::Write>(&mut self, _: &mut W, value: u64) -> io::Result<()> {
        match value {
            ..EXACT_MAX => CompactFormatter.write_u64(&mut self.text, value),
            _ => self.number(value),
        }
    }

    fn write_i64<W: ?Sized + io::Write>(&mut self, _: &mut W, value: i64) -> io::Result<()> {
        match value.unsigned_abs() {
            ..EXACT_MAX => CompactFormatter.write_i64(&mut self.text, value),
            _ => self.number(value),
        }
    }

    fn write_u128<W: ?Sized + io::Write>(&mut self, _: &mut W, value: u128) -> io::Result<()> {
        self.number(value)
    }

    fn write_i128<W: ?Sized + io::Write>(&mut self, _: &mut W, value: i128) -> io::Result<()> {
        self.number(value)
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, _: &mut W, value: f64) -> io::Result<()> {
        self.number(value)
    }

    fn begin_string<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        CompactFormatter.begin_string(&mut self.text)
    }

    fn end_string<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        CompactFormatter.end_string(&mut self.text)
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, _: &mut W, text: &str) -> io::Result<()> {
        CompactFormatter.write_string_fragment(&mut self.text, text)
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, _: &mut W, escape: CharEscape) -> io::Result<()> {
        CompactFormatter.write_char_escape(&mut self.text, escape)
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        CompactFormatter.begin_array(&mut self.text)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        CompactFormatter.end_array(&mut self.text)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, _: &mut W, first: bool) -> io::Result<()> {
        CompactFormatter.begin_array_value(&mut self.text, first)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        CompactFormatter.begin_object(&mut self.text)?;
        let (begins, members) = (self.text.len(), self.members.len());
        self.open.push(Open { begins, members, key: begins, value: begins, plain: true });
        Ok(())
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, _: &mut W, first: bool) -> io::Result<()> {
        CompactFormatter.begin_object_key(&mut self.text, first)?;
        if let Some(object) = self.open.last_mut() {
            object.key = self.text.len();
        }
        Ok(())
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        CompactFormatter.begin_object_value(&mut self.text)?;
        if let Some(object) = self.open.last_mut() {
            object.value = self.text.len();
            let key = self.text.get(object.key..).unwrap_or_default();
            object.plain = key.is_ascii() && !key.contains(&b'\\');
        }
        Ok(())
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        let ends = self.text.len();
        if let Some(&Open { key, value, plain, .. }) = self.open.last() {
            self.members.push(Member { key, value, ends, plain });
        }
        Ok(())
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        if let Some(object) = self.open.pop() {
            self.arrange(&object)?;
        }
        CompactFormatter.end_object(&mut self.text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};
    use std::collections::HashMap;

    /// Texts with everything that is written or ordered in its own way: escapes, controls, and characters whose
    /// order differs between UTF-8 and UTF-16.
    fn texts() -> impl Strategy<Value = String> {
        let odd = prop::sample::select(vec![
            "",
            "\"",
            "\\",
            "\\u0061",
            "a\"",
            "a!",
            "/",
            "\n",
            "\u{8}",
            "\u{1f}",
            "\u{7f}",
            "\u{80}",
            "é",
            "\u{e000}",
            "\u{ffff}",
            "\u{10000}",
            "😀",
            "\u{2028}",
        ]);
        prop_oneof![3 => "[a-z_-]{0,6}", 1 => odd.prop_map(str::to_owned), 1 => any::<String>()]
    }

    fn numbers() -> impl Strategy<Value = Value> {
        let edge = prop::sample::select(vec![
            EXACT_MAX - 1,
            EXACT_MAX,
            EXACT_MAX + 1,
            u64::MAX,
            u64::MAX - 1,
            i64::MAX.unsigned_abs(),
        ]);
        let negative = prop::sample::select(vec![i64::MIN, -(1 << 53), 1 - (1 << 53), -1]);
        let float = prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO;
        prop_oneof![
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (0..1000_u64).prop_map(Value::from),
            edge.prop_map(Value::from),
            negative.prop_map(Value::from),
            float.prop_map(Value::from),
            (-1e21..1e21).prop_map(|number: f64| Value::from(number.trunc())),
        ]
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            numbers(),
            texts().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((texts(), inner), 0..7)
                    .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn every_value_is_written_as_the_library_writes_it(value in values()) {
            prop_assert_eq!(to_vec(&value).unwrap(), serde_json_canonicalizer::to_vec(&value).unwrap());
        }

        /// A hash map's members come in any order, where a `Value` has them sorted by bytes.
        #[test]
        fn members_in_any_order_are_put_in_one(members in prop::collection::hash_map(texts(), values(), 0..9)) {
            let nested: HashMap<&str, &HashMap<String, Value>> = HashMap::from([("one", &members), ("a", &members)]);
            prop_assert_eq!(to_vec(&nested).unwrap(), serde_json_canonicalizer::to_vec(&nested).unwrap());
        }

        #[test]
        fn every_kind_of_number_is_written_as_the_library_writes_it(
            small in any::<(u8, i8, u16, i16, u32, i32)>(), large in any::<(u128, i128)>(), float in prop::num::f32::NORMAL,
        ) {
            let all = (small, large, float);
            prop_assert_eq!(to_vec(&all).unwrap(), serde_json_canonicalizer::to_vec(&all).unwrap());
        }
    }

    #[test]
    fn the_order_is_that_of_the_standard() {
        // RFC 8785, section 3.2.3.
        let members = json!({ "\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7 });
        let text = String::from_utf8(to_vec(&members).unwrap()).unwrap();
        assert_eq!(
            text,
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
        );
    }

    #[test]
    fn what_has_no_canonical_form_is_refused() {
        #[derive(serde::Serialize)]
        struct Twice {
            key: u8,
            #[serde(flatten)]
            more: HashMap<&'static str, u8>,
        }
        let twice = Twice { key: 1, more: HashMap::from([("key", 2)]) };
        assert!(to_vec(&twice).unwrap_err().to_string().contains("one key twice"));
        assert!(to_vec(&HashMap::from([(vec![1], 2)])).is_err());
    }
}
