//! Canonical JSON (RFC 8785), written in one pass into one buffer.
//!
//! Every entry and every value of a step comes through here, so it is on every step's bill: bytes are pushed as the
//! value is walked, texts a word at a time, and members change places only in an object whose members did not come
//! in order. `serde_json_canonicalizer` writes every number but small integers. It could do the whole, with a tree, a
//! second parse and several allocations for each member; a property test holds the two equal.

use serde::Serialize;
use serde::ser::{self, Serializer};
use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt::{self, Write as _};

/// Below this an integer is written as its digits; above, as the double it is to whoever reads JSON.
const EXACT_MAX: u64 = 1 << 53;

/// A buffer that grew beyond this is not kept for the next value.
const KEPT_MAX: usize = 256 << 10;

/// A value without a canonical form.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoForm(String);

impl ser::Error for NoForm {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self(why.to_string())
    }
}

/// Writes the canonical JSON of a value and hands it on; the buffer is the thread's and used again.
///
/// # Errors
/// When the value has no JSON form: a map with keys that are no texts, or with one key twice.
pub(crate) fn written<T: Serialize + ?Sized, R>(
    value: &T,
    take: impl FnOnce(&[u8]) -> R,
) -> Result<R, NoForm> {
    thread_local!(static KEPT: Cell<Option<Box<Writer>>> = const { Cell::new(None) });
    let mut writer = KEPT.take().unwrap_or_default();
    writer.text.clear();
    writer.members.clear();
    value.serialize(&mut *writer)?;
    let taken = take(&writer.text);
    if writer.text.capacity().max(writer.moved.capacity()) <= KEPT_MAX {
        KEPT.set(Some(writer));
    }
    Ok(taken)
}

/// Text in which every finished object has its members in order.
#[derive(Default)]
struct Writer {
    text: Vec<u8>,
    /// The members of all open objects so far.
    members: Vec<Member>,
    /// Where an object's members wait while they change places.
    moved: Vec<u8>,
    /// How many texts had something to escape in them.
    escapes: usize,
}

/// A member by its places in the text, its key with the quotes.
#[derive(Clone, Copy)]
struct Member {
    key: usize,
    value: usize,
    ends: usize,
    /// Whether the key is ASCII and stands there as it is.
    plain: bool,
}

/// How a byte stands in a text: what is written for it, and how many bits that has; none for what needs a number.
#[allow(clippy::indexing_slicing, reason = "a place that is not there fails the build")]
const WRITTEN: [(u16, u8); 256] = {
    let mut written = [(0, 0); 256];
    let mut byte = 0x20;
    while byte < 256 {
        written[byte] = (byte as u16, 8);
        byte += 1;
    }
    let short =
        [(b'"', b'"'), (b'\\', b'\\'), (8, b'b'), (b'\t', b't'), (b'\n', b'n'), (12, b'f'), (b'\r', b'r')];
    let mut nth = 0;
    while nth < short.len() {
        let (byte, letter) = short[nth];
        written[byte as usize] = (u16::from_le_bytes([b'\\', letter]), 16);
        nth += 1;
    }
    written
};

impl Writer {
    fn quoted(&mut self, text: &str) {
        self.text.push(b'"');
        self.escaped(text);
        self.text.push(b'"');
    }

    fn escaped(&mut self, text: &str) {
        let bytes = text.as_bytes();
        if !has_escapes(bytes) {
            return self.text.extend_from_slice(bytes);
        }
        self.escapes += 1;
        match some(bytes, |byte| (byte < 0x20) & !matches!(byte, b'\t' | b'\n' | b'\r')) {
            true => bytes.iter().for_each(|byte| self.byte(*byte)),
            false => self.short_escapes(bytes),
        }
    }

    /// A text in which no byte needs more than a backslash, without a branch for each byte: JSON inside a text is half
    /// quotes, at places no processor can guess. Four bytes become a word of four to eight.
    fn short_escapes(&mut self, bytes: &[u8]) {
        let begins = self.text.len();
        self.text.resize(begins + 2 * bytes.len() + size_of::<u64>(), 0);
        let (room, mut at) = (self.text.get_mut(begins..).unwrap_or_default(), 0);
        let mut put = |(word, bits): (u64, u32)| {
            if let Some(place) = room.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
                *place = word.to_le_bytes();
            }
            at += (bits / 8) as usize;
        };
        let (fours, rest) = bytes.as_chunks();
        for four in fours {
            let [one, two, three, four] = four.map(piece);
            put(joined(joined(one, two), joined(three, four)));
        }
        rest.iter().for_each(|byte| put(piece(*byte)));
        self.text.truncate(begins + at);
    }

    fn byte(&mut self, byte: u8) {
        match WRITTEN.get(usize::from(byte)) {
            Some((written, 16)) => self.text.extend_from_slice(&written.to_le_bytes()),
            Some((_, 8)) => self.text.push(byte),
            _ => {
                self.text.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), digit(byte & 15)])
            }
        }
    }

    /// Whole numbers that a double holds are their digits; what others look like the library knows.
    fn number(&mut self, number: impl Serialize) -> Result<(), NoForm> {
        let written = serde_json_canonicalizer::to_vec(&number).map_err(ser::Error::custom)?;
        self.text.extend_from_slice(&written);
        Ok(())
    }

    fn digits(&mut self, number: impl itoa::Integer) -> Result<(), NoForm> {
        self.text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        Ok(())
    }

    /// A name in the code; of those none has anything to escape, which a debug build looks at.
    fn named(&mut self, name: &'static str) {
        debug_assert!(is_plain(name), "`{name}` would have to be escaped");
        self.text.push(b'"');
        self.text.extend_from_slice(name.as_bytes());
        self.text.push(b'"');
    }

    /// The one member of an object that is an enum's case.
    fn case(&mut self, name: &'static str) {
        self.text.push(b'{');
        self.named(name);
        self.text.push(b':');
    }

    fn list(&mut self, close: &'static [u8]) -> List<'_> {
        self.text.push(b'[');
        List { writer: self, empty: true, close }
    }

    fn object(&mut self, close: &'static [u8]) -> Object<'_> {
        self.text.push(b'{');
        let (begins, first) = (self.text.len(), self.members.len());
        Object { writer: self, begins, first, named: "", in_order: true, close }
    }

    /// Puts the members of an object in order that did not come in it.
    fn arrange(&mut self, begins: usize, first: usize) -> Result<(), NoForm> {
        let (text, Some(members)) = (&self.text, self.members.get_mut(first..)) else { return Ok(()) };
        members.sort_by(|one, two| order(text, one, two));
        if !members.is_sorted_by(|one, two| order(text, one, two) == Ordering::Less) {
            return Err(NoForm("an object has one key twice".into()));
        }
        self.moved.clear();
        self.moved.extend(self.text.drain(begins..));
        for member in self.members.iter().skip(first) {
            if self.text.len() > begins {
                self.text.push(b',');
            }
            let places = member.key - begins..member.ends - begins;
            self.text.extend_from_slice(self.moved.get(places).unwrap_or_default());
        }
        Ok(())
    }
}

const fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

/// Whether any byte is so. All are looked at: many at once are quicker than few one by one.
fn some(bytes: &[u8], is: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(false, |any, byte| any | is(*byte))
}

/// Whether a text has a quote, a backslash or a control in it. Eight bytes at a time: most texts are names and digests, too
/// short for more. The last eight may be looked at twice.
fn has_escapes(bytes: &[u8]) -> bool {
    match bytes.last_chunk() {
        Some(last) => {
            bytes.as_chunks().0.iter().fold(escapes(*last), |any, eight| any | escapes(*eight)) != 0
        }
        None => bytes.iter().any(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')),
    }
}

/// Zero where none of eight bytes is to be escaped. A byte less than it is held against borrows, and so shows in its
/// highest bit; which one it is stays open, for a borrow goes on.
const fn escapes(eight: [u8; 8]) -> u64 {
    const fn each(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    const fn less(word: u64, than: u8) -> u64 {
        word.wrapping_sub(each(than)) & !word
    }
    let word = u64::from_le_bytes(eight);
    let odd = less(word, 0x20) | less(word ^ each(b'"'), 1) | less(word ^ each(b'\\'), 1);
    odd & each(0x80)
}

/// What is written for a byte, with its bits.
fn piece(byte: u8) -> (u64, u32) {
    let (written, bits) = WRITTEN.get(usize::from(byte)).copied().unwrap_or_default();
    (written.into(), bits.into())
}

/// One behind the other.
const fn joined((one, bits): (u64, u32), (two, more): (u64, u32)) -> (u64, u32) {
    (one | two << bits, bits + more)
}

/// A member's key without its quotes.
fn key<'a>(text: &'a [u8], member: &Member) -> &'a [u8] {
    text.get(member.key + 1..member.value - 2).unwrap_or_default()
}

/// RFC 8785 orders keys by their UTF-16 code units; for plain ASCII that is the order of the bytes.
fn order(text: &[u8], one: &Member, two: &Member) -> Ordering {
    let plain = one.plain && two.plain;
    let (one, two) = (key(text, one), key(text, two));
    match plain {
        true => in_bytes(one, two),
        false => utf16(one).cmp(&utf16(two)),
    }
}

/// Most keys differ in their first letter.
fn in_bytes(one: &[u8], two: &[u8]) -> Ordering {
    one.first().cmp(&two.first()).then_with(|| one.cmp(two))
}

/// Whether a key stands as it is and is ordered by its bytes.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

/// The code units of a key as it was before it was written; it was written a moment ago, so it can be read.
fn utf16(key: &[u8]) -> Vec<u16> {
    let quoted = [b"\"", key, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).unwrap_or_default().encode_utf16().collect()
}

/// An array that is open.
struct List<'w> {
    writer: &'w mut Writer,
    empty: bool,
    close: &'static [u8],
}

impl List<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoForm> {
        if !std::mem::take(&mut self.empty) {
            self.writer.text.push(b',');
        }
        value.serialize(&mut *self.writer)
    }

    fn close(self) -> Result<(), NoForm> {
        self.writer.text.extend_from_slice(self.close);
        Ok(())
    }
}

/// An object that is open.
struct Object<'w> {
    writer: &'w mut Writer,
    /// Where its first member begins in the text.
    begins: usize,
    /// Its first member in the list of all.
    first: usize,
    /// The last of its names in the code; empty before the first, and in a map.
    named: &'static str,
    /// Whether each of its members so far comes after the one before it.
    in_order: bool,
    close: &'static [u8],
}

impl Object<'_> {
    fn name(&mut self, name: &'static str) {
        if self.writer.text.len() > self.begins {
            self.writer.text.push(b',');
        }
        let key = self.writer.text.len();
        self.writer.named(name);
        self.writer.text.push(b':');
        self.in_order &= in_bytes(self.named.as_bytes(), name.as_bytes()) == Ordering::Less;
        self.named = name;
        let value = self.writer.text.len();
        self.writer.members.push(Member { key, value, ends: value, plain: true });
    }

    fn key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), NoForm> {
        if self.writer.text.len() > self.begins {
            self.writer.text.push(b',');
        }
        let (key, escapes) = (self.writer.text.len(), self.writer.escapes);
        name.serialize(&mut *self.writer)?;
        let written = self.writer.text.get(key..).unwrap_or_default();
        if written.first() != Some(&b'"') {
            return Err(NoForm("a key is no text".into()));
        }
        let plain = self.writer.escapes == escapes && written.is_ascii();
        self.writer.text.push(b':');
        let value = self.writer.text.len();
        let member = Member { key, value, ends: value, plain };
        if let Some(last) = self.writer.members.get(self.first..).and_then(<[Member]>::last) {
            self.in_order &= order(&self.writer.text, last, &member) == Ordering::Less;
        }
        self.writer.members.push(member);
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoForm> {
        value.serialize(&mut *self.writer)?;
        if let Some(member) = self.writer.members.last_mut() {
            member.ends = self.writer.text.len();
        }
        Ok(())
    }

    fn close(self) -> Result<(), NoForm> {
        if !self.in_order {
            self.writer.arrange(self.begins, self.first)?;
        }
        self.writer.members.truncate(self.first);
        self.writer.text.extend_from_slice(self.close);
        Ok(())
    }
}

/// Numbers of one kind are written in one way.
macro_rules! numbers {
    ($($method:ident($number:ty) => $how:ident),* $(,)?) => {
        $(fn $method(self, number: $number) -> Result<(), NoForm> {
            self.$how(number.into())
        })*
    };
}

impl Writer {
    fn unsigned(&mut self, number: u64) -> Result<(), NoForm> {
        match number {
            ..EXACT_MAX => self.digits(number),
            _ => self.number(number),
        }
    }

    fn signed(&mut self, number: i64) -> Result<(), NoForm> {
        match number.unsigned_abs() {
            ..EXACT_MAX => self.digits(number),
            _ => self.number(number),
        }
    }

    fn float(&mut self, number: f64) -> Result<(), NoForm> {
        self.number(number)
    }

    fn wide(&mut self, number: i128) -> Result<(), NoForm> {
        self.number(number)
    }

    fn wide_unsigned(&mut self, number: u128) -> Result<(), NoForm> {
        self.number(number)
    }
}

/// Each kind of value as `serde_json` has it.
impl<'w> Serializer for &'w mut Writer {
    type Ok = ();
    type Error = NoForm;
    type SerializeSeq = List<'w>;
    type SerializeTuple = List<'w>;
    type SerializeTupleStruct = List<'w>;
    type SerializeTupleVariant = List<'w>;
    type SerializeMap = Object<'w>;
    type SerializeStruct = Object<'w>;
    type SerializeStructVariant = Object<'w>;

    numbers!(
        serialize_u8(u8) => unsigned,
        serialize_u16(u16) => unsigned,
        serialize_u32(u32) => unsigned,
        serialize_u64(u64) => unsigned,
        serialize_u128(u128) => wide_unsigned,
        serialize_i8(i8) => signed,
        serialize_i16(i16) => signed,
        serialize_i32(i32) => signed,
        serialize_i64(i64) => signed,
        serialize_i128(i128) => wide,
        serialize_f32(f32) => float,
        serialize_f64(f64) => float,
    );

    fn serialize_bool(self, value: bool) -> Result<(), NoForm> {
        self.text.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), NoForm> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), NoForm> {
        self.quoted(value);
        Ok(())
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), NoForm> {
        self.text.push(b'"');
        write!(Pieces(self), "{value}").map_err(ser::Error::custom)?;
        self.text.push(b'"');
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), NoForm> {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Result<(), NoForm> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NoForm> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NoForm> {
        self.text.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NoForm> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, case: &'static str) -> Result<(), NoForm> {
        self.named(case);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NoForm> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        value: &T,
    ) -> Result<(), NoForm> {
        self.case(case);
        value.serialize(&mut *self)?;
        self.text.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'w>, NoForm> {
        Ok(self.list(b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'w>, NoForm> {
        Ok(self.list(b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'w>, NoForm> {
        Ok(self.list(b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        _: usize,
    ) -> Result<List<'w>, NoForm> {
        self.case(case);
        Ok(self.list(b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object<'w>, NoForm> {
        Ok(self.object(b"}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Object<'w>, NoForm> {
        Ok(self.object(b"}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        _: usize,
    ) -> Result<Object<'w>, NoForm> {
        self.case(case);
        Ok(self.object(b"}}"))
    }
}

/// A text that comes in pieces.
struct Pieces<'w>(&'w mut Writer);

impl fmt::Write for Pieces<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.0.escaped(piece);
        Ok(())
    }
}

/// A kind of list; items come one by one.
macro_rules! listed {
    ($($kind:ident::$item:ident),* $(,)?) => {
        $(impl ser::$kind for List<'_> {
            type Ok = ();
            type Error = NoForm;

            fn $item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoForm> {
                self.item(value)
            }

            fn end(self) -> Result<(), NoForm> {
                self.close()
            }
        })*
    };
}

listed!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
);

/// A kind of object whose keys are names in the code.
macro_rules! fielded {
    ($($kind:ident),*) => {
        $(impl ser::$kind for Object<'_> {
            type Ok = ();
            type Error = NoForm;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), NoForm> {
                self.name(name);
                self.value(value)
            }

            fn end(self) -> Result<(), NoForm> {
                self.close()
            }
        })*
    };
}

fielded!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Object<'_> {
    type Ok = ();
    type Error = NoForm;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NoForm> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoForm> {
        self.value(value)
    }

    fn end(self) -> Result<(), NoForm> {
        self.close()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;

    fn to_vec<T: Serialize>(value: &T) -> Result<Vec<u8>, NoForm> {
        written(value, <[u8]>::to_vec)
    }

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
        let long = prop::collection::vec(prop_oneof![9 => "[ -~]{0,9}", 1 => any::<String>()], 0..9);
        prop_oneof![
            3 => "[a-z_-]{0,6}",
            1 => odd.prop_map(str::to_owned),
            1 => any::<String>(),
            1 => long.prop_map(|pieces| pieces.concat()),
        ]
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
