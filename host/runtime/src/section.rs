//! Custom sections of a component: where a manifest travels.

use wasmparser::{Parser, Payload};

/// The content of the component's own custom section of that name. Sections of parts nested in it don't count:
/// whoever composes a component must not inherit what a part says of itself.
///
/// # Errors
/// When there are two: which one holds would be a guess.
pub fn custom_section<'a>(bytes: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, TwoSections> {
    let (mut depth, mut found) = (0_u32, None);
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 0 && section.name() == name => {
                let earlier = found.replace(section.data());
                if earlier.is_some() {
                    return Err(TwoSections(name.into()));
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// A component with two sections of one name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the component has two `{0}` sections; which one holds would be a guess")]
pub struct TwoSections(String);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    fn component(body: &str) -> Vec<u8> {
        wat::parse_str(format!("(component {body})")).unwrap()
    }

    #[test]
    fn only_the_components_own_section_counts_and_only_once() {
        let own = component("(core module (@custom \"note\" \"inner\")) (@custom \"note\" \"outer\")");
        assert_eq!(custom_section(&own, "note"), Ok(Some(&b"outer"[..])));
        assert_eq!(custom_section(&own, "other"), Ok(None));
        assert_eq!(
            custom_section(&component("(core module (@custom \"note\" \"inner\"))"), "note"),
            Ok(None)
        );
        let two = component("(@custom \"note\" \"a\") (@custom \"note\" \"b\")");
        assert_eq!(custom_section(&two, "note"), Err(TwoSections("note".into())));
    }
}
