//! The author's doc comments, which no toolchain carries into the component.
//!
//! They are copied by name onto the component's own types, so that what is written out fits those types exactly.

use std::collections::BTreeMap;
use std::path::Path;
use wit_parser::{
    Docs, Function, Interface, InterfaceId, PackageMetadata, Resolve, TypeDef, TypeDefKind,
    UnresolvedPackage, UnresolvedPackageGroup, WorldId, WorldItem, WorldKey,
};

/// The section that holds the docs of everything the component exports; none when there is no `wit` folder.
pub(crate) fn section(mut resolve: Resolve, world: WorldId, wit: &Path) -> Result<Option<Vec<u8>>, String> {
    if !wit.is_dir() {
        return Ok(None);
    }
    // Packages it uses may lie anywhere; their docs are their own, so they need not be found.
    let author = UnresolvedPackageGroup::parse_dir(wit).map_err(|error| format!("{error:#}"))?.main;
    let exported: Vec<InterfaceId> = exported_interfaces(&resolve, world);
    for id in &exported {
        copy_interface(&author, &mut resolve, *id);
    }
    copy_functions(&author, &mut resolve, world);
    let mut packages = BTreeMap::new();
    let own = exported.iter().filter_map(|id| resolve.interfaces.get(*id)?.package);
    for package in own.chain(resolve.worlds.get(world).and_then(|world| world.package)) {
        if let Some(named) = resolve.packages.get(package) {
            packages.insert(named.name.to_string(), PackageMetadata::extract(&resolve, package));
        }
    }
    serde_json::to_vec(&packages).map(Some).map_err(|error| error.to_string())
}

fn exported_interfaces(resolve: &Resolve, world: WorldId) -> Vec<InterfaceId> {
    let exports = resolve.worlds.get(world).into_iter().flat_map(|world| world.exports.values());
    let interface = |item: &WorldItem| match item {
        WorldItem::Interface { id, .. } => Some(*id),
        _ => None,
    };
    exports.filter_map(interface).collect()
}

fn copy_interface(author: &UnresolvedPackage, resolve: &mut Resolve, id: InterfaceId) {
    let package = resolve.interfaces.get(id).and_then(|interface| resolve.packages.get(interface.package?));
    if package.is_none_or(|package| package.name != author.name) {
        return;
    }
    let Some(interface) = resolve.interfaces.get_mut(id) else { return };
    let same = |other: &&Interface| other.name == interface.name;
    let Some((_, written)) = author.interfaces.iter().find(|(_, other)| same(other)) else { return };
    interface.docs = written.docs.clone();
    for (name, function) in &mut interface.functions {
        copy_docs(&mut function.docs, written.functions.get(name).map(|function| &function.docs));
    }
    for (name, id) in interface.types.clone() {
        let written = written.types.get(&name).and_then(|id| author.types.get(*id));
        if let (Some(written), Some(kept)) = (written, resolve.types.get_mut(id)) {
            copy_type(written, kept);
        }
    }
}

fn copy_type(written: &TypeDef, kept: &mut TypeDef) {
    kept.docs = written.docs.clone();
    match (&written.kind, &mut kept.kind) {
        (TypeDefKind::Record(from), TypeDefKind::Record(to)) => {
            copy_parts(
                &from.fields,
                &mut to.fields,
                |it| (&it.name, &it.docs),
                |it| (&it.name, &mut it.docs),
            );
        }
        (TypeDefKind::Variant(from), TypeDefKind::Variant(to)) => {
            copy_parts(&from.cases, &mut to.cases, |it| (&it.name, &it.docs), |it| (&it.name, &mut it.docs));
        }
        (TypeDefKind::Enum(from), TypeDefKind::Enum(to)) => {
            copy_parts(&from.cases, &mut to.cases, |it| (&it.name, &it.docs), |it| (&it.name, &mut it.docs));
        }
        (TypeDefKind::Flags(from), TypeDefKind::Flags(to)) => {
            copy_parts(&from.flags, &mut to.flags, |it| (&it.name, &it.docs), |it| (&it.name, &mut it.docs));
        }
        _ => {}
    }
}

/// Fields, cases and flags are found by name: the component may have them in no other order, but it costs nothing.
fn copy_parts<T>(
    from: &[T],
    to: &mut [T],
    written: impl Fn(&T) -> (&String, &Docs),
    kept: impl Fn(&mut T) -> (&String, &mut Docs),
) {
    for part in to {
        let (name, docs) = kept(part);
        let found = from.iter().map(&written).find(|(other, _)| *other == name);
        copy_docs(docs, found.map(|(_, docs)| docs));
    }
}

fn copy_docs(to: &mut Docs, from: Option<&Docs>) {
    if let Some(from) = from {
        *to = from.clone();
    }
}

/// Functions that the world exports itself. The component has forgotten its world's name, so all of the author's
/// worlds are searched.
fn copy_functions(author: &UnresolvedPackage, resolve: &mut Resolve, world: WorldId) {
    let written = |name: &WorldKey| -> Option<&Function> {
        author.worlds.iter().find_map(|(_, world)| match world.exports.get(name) {
            Some(WorldItem::Function(function)) => Some(function),
            _ => None,
        })
    };
    let Some(world) = resolve.worlds.get_mut(world) else { return };
    for (name, item) in &mut world.exports {
        if let WorldItem::Function(function) = item {
            copy_docs(&mut function.docs, written(name).map(|function| &function.docs));
        }
    }
}
