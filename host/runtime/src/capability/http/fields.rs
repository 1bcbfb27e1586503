//! Header fields as a guest makes and reads them: names in lower case, values that can't break out of their line,
//! nothing the host writes itself, and no more than a fixed number of bytes.

use kapell_model::ending::TrapCause;
use kapell_model::http::is_hosts_own;

use super::bindings::types::HeaderError as Told;
use crate::crossings::LimitReached;

/// Most bytes of the fields of one handle: names, values and [`FIELD_BYTES`] for each.
pub const FIELDS_MAX: usize = 16 << 10;

/// What a field costs beside its name and value, so that empty ones are not free.
pub(super) const FIELD_BYTES: usize = 32;

/// The one framing field a guest may write; it must be true and is written anew.
pub(super) const LENGTH: &str = "content-length";

/// A handle of the guest's to header fields.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    entries: Vec<(String, Vec<u8>)>,
    bytes: usize,
    fixed: bool,
}

/// Why fields were not changed.
#[derive(Debug, thiserror::Error)]
pub enum FieldsError {
    /// The guest is told, and goes on.
    #[error("{0:?}")]
    Told(Told),
    /// The guest ends.
    #[error(transparent)]
    Ends(wasmtime::Error),
}

impl From<wasmtime::Error> for FieldsError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Ends(error)
    }
}

impl From<LimitReached> for FieldsError {
    fn from(error: LimitReached) -> Self {
        Self::Ends(error.into())
    }
}

impl From<wasmtime::component::ResourceTableError> for FieldsError {
    fn from(error: wasmtime::component::ResourceTableError) -> Self {
        Self::Ends(error.into())
    }
}

type Changed = Result<(), FieldsError>;

impl Fields {
    /// The fields of an answer: as the egress handed them over, never to be changed.
    pub(super) fn of_answer(headers: &[(String, String)]) -> Self {
        let entries = headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes()));
        Self { entries: entries.collect(), bytes: 0, fixed: true }
    }

    /// The fields a guest brings at once.
    pub(super) fn of_list(entries: Vec<(String, Vec<u8>)>) -> Result<Self, FieldsError> {
        let mut fields = Self::default();
        for (name, value) in entries {
            fields.append(&name, value)?;
        }
        Ok(fields)
    }

    /// These fields, never to be changed: they belong to a message.
    pub(super) fn fixed(mut self) -> Self {
        self.fixed = true;
        self
    }

    /// These fields, to be changed: a copy belongs to nobody yet.
    pub(super) fn copied(&self) -> Self {
        Self { fixed: false, bytes: self.entries.iter().map(weight).sum(), ..self.clone() }
    }

    pub(super) fn entries(&self) -> &[(String, Vec<u8>)] {
        &self.entries
    }

    /// The values of a name, in order; none for what is no name.
    pub(super) fn get(&self, name: &str) -> Vec<Vec<u8>> {
        let name = name.to_ascii_lowercase();
        self.entries.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.clone()).collect()
    }

    pub(super) fn append(&mut self, name: &str, value: Vec<u8>) -> Changed {
        let name = self.changeable(name)?;
        let doubled = name == LENGTH && self.entries.iter().any(|(known, _)| known == LENGTH);
        if doubled || !is_value(&value) {
            return Err(FieldsError::Told(Told::InvalidSyntax));
        }
        let entry = (name, value);
        self.bytes = self.bytes.saturating_add(weight(&entry));
        if self.bytes > FIELDS_MAX {
            let detail = format!("{} bytes of header fields in one handle, {FIELDS_MAX} at most", self.bytes);
            return Err(LimitReached { cause: TrapCause::Quota, detail }.into());
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Puts these values in the place of those there were. Nothing changes when one of them does not fit.
    pub(super) fn set(&mut self, name: &str, values: Vec<Vec<u8>>) -> Changed {
        let mut changed = self.clone();
        changed.delete(name)?;
        for value in values {
            changed.append(name, value)?;
        }
        *self = changed;
        Ok(())
    }

    pub(super) fn delete(&mut self, name: &str) -> Changed {
        let name = self.changeable(name)?;
        self.entries.retain(|(known, _)| *known != name);
        self.bytes = self.entries.iter().map(weight).sum();
        Ok(())
    }

    /// The name as it is kept, when a guest may change it here.
    fn changeable(&self, name: &str) -> Result<String, FieldsError> {
        let name = name.to_ascii_lowercase();
        match () {
            () if self.fixed => Err(FieldsError::Told(Told::Immutable)),
            () if !is_name(&name) => Err(FieldsError::Told(Told::InvalidSyntax)),
            () if is_hosts_own(&name) => Err(FieldsError::Told(Told::Forbidden)),
            () => Ok(name),
        }
    }
}

fn weight((name, value): &(String, Vec<u8>)) -> usize {
    name.len() + value.len() + FIELD_BYTES
}

/// A token (RFC 9110, 5.6.2).
fn is_name(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(token)
}

/// Text without controls, the tab apart (RFC 9110, 5.5), and without blanks at its ends, which are not part of it.
fn is_value(value: &[u8]) -> bool {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let plain = |byte: &u8| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f);
    value.iter().all(plain) && !blank(value.first()) && !blank(value.last())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn told(changed: Changed) -> String {
        match changed {
            Ok(()) => "taken".into(),
            Err(FieldsError::Told(told)) => format!("{told:?}"),
            Err(FieldsError::Ends(error)) => error.to_string(),
        }
    }

    #[test]
    fn a_field_is_a_token_and_a_line_and_none_of_the_hosts() {
        let table: [(&str, &[u8]); 13] = [
            ("Accept", b"text/html"),
            ("x-latin", b"caf\xe9"),
            ("x-empty", b""),
            ("content-length", b"5"),
            ("content-length", b"5"),
            ("x-split", b"a\r\nhost: evil.example"),
            ("x-null", b"a\0b"),
            ("x-blank", b" a"),
            ("x-del", b"\x7f"),
            ("", b"a"),
            ("x y", b"a"),
            ("x:y", b"a"),
            ("x\r\nhost", b"a"),
        ];
        let mut fields = Fields::default();
        let line = |(name, value): &(&str, &[u8])| {
            format!(
                "{name:?} {:?}: {}",
                value.escape_ascii().to_string(),
                told(fields.append(name, value.to_vec()))
            )
        };
        let lines: Vec<String> = table.iter().map(line).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        "Accept" "text/html": taken
        "x-latin" "caf\\xe9": taken
        "x-empty" "": taken
        "content-length" "5": taken
        "content-length" "5": HeaderError::InvalidSyntax
        "x-split" "a\\r\\nhost: evil.example": HeaderError::InvalidSyntax
        "x-null" "a\\x00b": HeaderError::InvalidSyntax
        "x-blank" " a": HeaderError::InvalidSyntax
        "x-del" "\\x7f": HeaderError::InvalidSyntax
        "" "a": HeaderError::InvalidSyntax
        "x y" "a": HeaderError::InvalidSyntax
        "x:y" "a": HeaderError::InvalidSyntax
        "x\r\nhost" "a": HeaderError::InvalidSyntax
        "#);
        for name in ["host", "te", "cookie", "x-http-method-override", "x-original-url", "x-forwarded-for"] {
            assert_eq!(told(fields.append(&name.to_uppercase(), b"a".to_vec())), "HeaderError::Forbidden");
            assert_eq!(told(fields.set(name, Vec::new())), "HeaderError::Forbidden");
        }
    }

    #[test]
    fn fields_end_at_exactly_their_bytes() {
        let with = |bytes: usize| {
            let mut fields = Fields::default();
            fields.append("a", vec![b'a'; 1_000]).unwrap();
            told(fields.append("b", vec![b'b'; bytes - 1_000 - 2 * FIELD_BYTES - 2]))
        };
        assert_eq!(with(FIELDS_MAX - 1), "taken");
        assert_eq!(with(FIELDS_MAX), "taken");
        assert_eq!(with(FIELDS_MAX + 1), "quota: 16385 bytes of header fields in one handle, 16384 at most");
    }

    #[test]
    fn fields_of_a_message_stay_as_they_are_and_a_copy_does_not() {
        let mut fields =
            Fields::of_list(vec![("A".into(), b"1".to_vec()), ("a".into(), b"2".to_vec())]).unwrap().fixed();
        assert_eq!(told(fields.append("b", b"1".to_vec())), "HeaderError::Immutable");
        assert_eq!(told(fields.delete("a")), "HeaderError::Immutable");
        assert_eq!(fields.get("A"), [b"1".to_vec(), b"2".to_vec()]);
        let mut copy = fields.copied();
        assert_eq!(told(copy.set("a", vec![b"3".to_vec()])), "taken");
        assert_eq!(copy.entries(), [("a".to_owned(), b"3".to_vec())]);
        assert_eq!(told(copy.set("a", vec![b"4".to_vec(), b"\n".to_vec()])), "HeaderError::InvalidSyntax");
        assert_eq!(copy.entries(), [("a".to_owned(), b"3".to_vec())]);
    }
}
