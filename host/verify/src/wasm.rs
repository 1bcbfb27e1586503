//! What of a component's bytes says who it is: the custom section its manifest travels in.

/// The section a manifest stands in.
const MANIFEST: &[u8] = b"kapell:manifest";
/// Magic, version and layer of a component.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// The manifest a component carries; none where it carries none, or two, of which either would be a guess.
pub(crate) fn manifest(component: &[u8]) -> Option<&[u8]> {
    let (mut rest, mut found) = (component.strip_prefix(COMPONENT)?, None);
    while let Some((id, after)) = rest.split_first() {
        let (size, after) = number(after)?;
        let (content, next) = after.split_at_checked(size)?;
        rest = next;
        if *id == 0
            && let Some(data) = own(content)
            && found.replace(data).is_some()
        {
            return None;
        }
    }
    found
}

/// The data of a custom section, if it is the manifest's.
fn own(content: &[u8]) -> Option<&[u8]> {
    let (length, rest) = number(content)?;
    let (name, data) = rest.split_at_checked(length)?;
    (name == MANIFEST).then_some(data)
}

/// An unsigned LEB128 number of at most 32 bits.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, bytes.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        [&[id, content.len() as u8], content].concat()
    }

    fn custom(name: &str, data: &[u8]) -> Vec<u8> {
        section(0, &[&[name.len() as u8], name.as_bytes(), data].concat())
    }

    #[test]
    fn the_manifest_is_the_component_s_own_and_one() {
        let name = std::str::from_utf8(MANIFEST).unwrap_or_default();
        let own = custom(name, b"{}");
        let of = |sections: &[&[u8]]| [COMPONENT, &sections.concat()].concat();
        assert_eq!(manifest(&of(&[&custom("other", b"x"), &own])), Some(&b"{}"[..]));
        assert_eq!(manifest(&of(&[&section(1, &own)])), None, "nested in a part");
        assert_eq!(manifest(&of(&[&own, &own])), None);
        assert_eq!(manifest(&of(&[&[0, 200]])), None);
        assert_eq!(manifest(b"\0asm\x01\0\0\0"), None);
    }
}
