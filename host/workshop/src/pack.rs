//! Makes one file of what cargo built: a component with the manifest and the author's docs inside.

use crate::docs;
use kapell_model::manifest::{DOCS_SECTION, Packed, SECTION};
use std::path::Path;
use wasm_encoder::{ComponentSection, CustomSection};
use wit_component::{ComponentEncoder, DecodedWasm};
use wit_parser::{Resolve, WorldId};

/// The component of a pure module; its imports and exports are those of the author's WIT.
pub(crate) fn component(module: &[u8]) -> Result<Vec<u8>, String> {
    let encoder = ComponentEncoder::default().module(module);
    encoder.and_then(|encoder| encoder.validate(true).encode()).map_err(|error| format!("{error:#}"))
}

/// The component with its manifest and docs. A pure one must have come out without WASI.
pub(crate) fn pack(component: &[u8], packed: &Packed, pure: bool, wit: &Path) -> Result<Vec<u8>, String> {
    let (resolve, world) = decode(component)?;
    if let Some(import) = wasi_imports(&resolve, world).first().filter(|_| pure) {
        return Err(format!("skill.toml says `pure`, but the component imports {import}"));
    }
    let mut bytes = component.to_vec();
    append(&mut bytes, SECTION, &packed.encode().map_err(|error| error.to_string())?);
    if let Some(docs) = docs::section(resolve, world, wit)? {
        append(&mut bytes, DOCS_SECTION, &docs);
    }
    Ok(bytes)
}

fn decode(component: &[u8]) -> Result<(Resolve, WorldId), String> {
    match wit_component::decode(component) {
        Ok(DecodedWasm::Component(resolve, world)) => Ok((resolve, world)),
        Ok(DecodedWasm::WitPackage(..)) => Err("cargo made a WIT package, not a component".into()),
        Err(error) => Err(format!("cargo made no component: {error:#}")),
    }
}

fn wasi_imports(resolve: &Resolve, world: WorldId) -> Vec<String> {
    let imports = resolve.worlds.get(world).into_iter().flat_map(|world| world.imports.keys());
    imports.map(|key| resolve.name_world_key(key)).filter(|name| name.starts_with("wasi:")).collect()
}

/// Sections may follow at a component's end; nothing that is there changes.
fn append(component: &mut Vec<u8>, name: &str, data: &[u8]) {
    CustomSection { name: name.into(), data: data.into() }.append_to_component(component);
}
