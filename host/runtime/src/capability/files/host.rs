//! The guest's calls. Each is counted, resolved to a tree and a path, and answered by the tree.

use super::stream::{CHUNK_MAX, Reading, StreamFailed, Writing};
use super::tree::Tree;
use super::{Answered, Descriptor, FilesCtx, FilesError, Listing, Node, path, refused, told};
use crate::capability::Lent;
use crate::capability::bindings::wasi::filesystem::preopens;
use crate::capability::bindings::wasi::filesystem::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode,
    MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use kapell_model::capability::Kind;
use kapell_model::digest::Digest;
use wasmtime::component::Resource;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

type Handle = Resource<Descriptor>;

impl Lent<'_, FilesCtx> {
    fn count(&self) -> Answered<()> {
        Ok(self.crossings.count(Kind::Files.word())?)
    }

    /// A call on what a descriptor stands for.
    async fn on<R>(
        &mut self,
        handle: &Handle,
        call: &'static str,
        act: impl Fn(&mut Tree, &Descriptor) -> Answered<R>,
    ) -> Answered<R> {
        self.count()?;
        let file = self.table.get(handle)?.clone();
        file.tree.decide(call, &file.path, |tree| act(tree, &file)).await
    }

    /// As `on`, for a call that asks nothing of the directory.
    fn on_handle<R>(
        &mut self,
        handle: &Handle,
        call: &'static str,
        act: impl FnOnce(&Tree, &Descriptor) -> Answered<R>,
    ) -> Answered<R> {
        self.count()?;
        let file = self.table.get(handle)?;
        let tree = file.tree.lock();
        act(&tree, file).map_err(|error| tree.tell(call, &file.path, error))
    }

    /// A call on a path below the directory that a descriptor stands for.
    async fn at<R>(
        &mut self,
        handle: &Handle,
        call: &'static str,
        below: &str,
        act: impl Fn(&mut Tree, &Descriptor, path::Place) -> Answered<R>,
    ) -> Answered<R> {
        self.count()?;
        let base = self.table.get(handle)?.clone();
        let decide = |tree: &mut Tree| resolve(tree, &base, below).and_then(|place| act(tree, &base, place));
        base.tree.decide(call, below, decide).await
    }
}

/// The place a guest's path means, having looked that every directory it names on the way is one.
fn resolve(tree: &mut Tree, from: &Descriptor, below: &str) -> Answered<path::Place> {
    if !from.directory {
        return told(ErrorCode::NotDirectory);
    }
    let place = path::read(&from.path, below)?;
    for passed in &place.through {
        match tree.look(passed)? {
            Node::Directory => {}
            Node::Absent => return told(ErrorCode::NoEntry),
            Node::Link => return refused(ErrorCode::Loop),
            Node::File(_) | Node::Other => return told(ErrorCode::NotDirectory),
        }
    }
    Ok(place)
}

/// What is at a place; links only for a call that asks about the link itself.
fn present(tree: &mut Tree, place: &path::Place, follow: bool) -> Answered<Node> {
    match tree.show(&place.path)? {
        Node::Absent => told(ErrorCode::NoEntry),
        Node::Link if follow || place.directory => refused(ErrorCode::Loop),
        Node::File(_) | Node::Other if place.directory => told(ErrorCode::NotDirectory),
        node => Ok(node),
    }
}

fn stat(node: Node) -> DescriptorStat {
    let size = if let Node::File(size) = node { size } else { 0 };
    // Links and times differ between a directory and its copy, so no guest is told them.
    DescriptorStat {
        type_: node.kind(),
        link_count: 1,
        size,
        data_access_timestamp: None,
        data_modification_timestamp: None,
        status_change_timestamp: None,
    }
}

/// The same for every copy of a directory: from the path and the size, never from the host's inode.
fn metadata_hash(tree: &Tree, path: &str, node: Node) -> MetadataHashValue {
    let digest = Digest::of(format!("{}/{path}\0{}", tree.grant, stat(node).size).as_bytes());
    let half = |bytes: &[u8]| bytes.iter().fold(0, |half: u64, byte| (half << 8) | u64::from(*byte));
    let (upper, rest) = digest.as_bytes().split_at(8);
    MetadataHashValue { upper: half(upper), lower: half(rest.split_at(8).0) }
}

/// How a file or directory is opened, decided before there is a descriptor.
fn open(
    tree: &mut Tree,
    base: &Descriptor,
    place: &path::Place,
    how: OpenFlags,
    want: DescriptorFlags,
) -> Answered<bool> {
    let (create, truncate) = (how.contains(OpenFlags::CREATE), how.contains(OpenFlags::TRUNCATE));
    let (reads, writes) = (want.contains(DescriptorFlags::READ), want.contains(DescriptorFlags::WRITE));
    if create && how.contains(OpenFlags::DIRECTORY) {
        return told(ErrorCode::Invalid);
    }
    let node = tree.look(&place.path)?;
    if matches!(node, Node::Link) {
        return refused(ErrorCode::Loop);
    }
    if create || truncate || writes {
        base.must_change(tree)?;
    }
    match node {
        Node::Absent if create && place.directory => return told(ErrorCode::IsDirectory),
        Node::Absent if create => tree.make_file(&place.path)?,
        Node::Absent => return told(ErrorCode::NoEntry),
        _ if create && how.contains(OpenFlags::EXCLUSIVE) => return told(ErrorCode::Exist),
        Node::Directory if writes || truncate => return told(ErrorCode::IsDirectory),
        Node::Directory => return Ok(true),
        Node::Link | Node::Other => return refused(ErrorCode::NotPermitted),
        Node::File(_) if place.directory || how.contains(OpenFlags::DIRECTORY) => {
            return told(ErrorCode::NotDirectory);
        }
        Node::File(_) if truncate && !writes => return told(ErrorCode::Invalid),
        Node::File(_) if truncate => tree.make_file(&place.path)?,
        Node::File(_) => {}
    }
    if reads {
        tree.must_read()?;
    }
    Ok(false)
}

impl types::Host for Lent<'_, FilesCtx> {
    fn convert_error_code(&mut self, error: FilesError) -> wasmtime::Result<ErrorCode> {
        match error {
            FilesError::Told(code) | FilesError::Refused(code) => Ok(code),
            FilesError::Ends(error) => Err(error),
            unknown @ FilesError::Unknown(_) => Err(wasmtime::Error::new(unknown)),
        }
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let error = self.table.get(&error)?;
        Ok(error.downcast_ref::<StreamFailed>().map(|failed| failed.0))
    }
}

impl preopens::Host for Lent<'_, FilesCtx> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Handle, String)>> {
        self.crossings.count(Kind::Files.word())?;
        let mut directories = Vec::with_capacity(self.ctx.trees.len());
        for tree in &self.ctx.trees {
            let (name, access) = {
                let tree = tree.lock();
                (format!("/{}", tree.grant), tree.access)
            };
            let (reads, writes) = (access.reads(), access.writes());
            let root = Descriptor { tree: tree.clone(), path: String::new(), directory: true, reads, writes };
            directories.push((self.table.push(root)?, name));
        }
        Ok(directories)
    }
}

impl types::HostDescriptor for Lent<'_, FilesCtx> {
    async fn open_at(
        &mut self,
        handle: Handle,
        _: PathFlags,
        path: String,
        how: OpenFlags,
        want: DescriptorFlags,
    ) -> Answered<Handle> {
        let descriptor = self
            .at(&handle, "open", &path, |tree, base, place| {
                let directory = open(tree, base, &place, how, want)?;
                let changes =
                    if directory { DescriptorFlags::MUTATE_DIRECTORY } else { DescriptorFlags::WRITE };
                let reads = tree.access.reads() && (directory || want.contains(DescriptorFlags::READ));
                let writes = tree.access.writes() && base.writes && want.contains(changes);
                Ok(Descriptor { tree: base.tree.clone(), path: place.path, directory, reads, writes })
            })
            .await?;
        Ok(self.table.push(descriptor)?)
    }

    async fn read(&mut self, handle: Handle, length: u64, offset: u64) -> Answered<(Vec<u8>, bool)> {
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(CHUNK_MAX);
        self.on(&handle, "read", |tree, file| {
            file.must_read_bytes(tree)?;
            let bytes = tree.read(&file.path, offset, length)?;
            let end = bytes.is_empty() && length > 0;
            Ok((bytes, end))
        })
        .await
    }

    async fn write(&mut self, handle: Handle, buffer: Vec<u8>, offset: u64) -> Answered<u64> {
        self.on(&handle, "write", |tree, file| {
            file.must_write_bytes(tree)?;
            tree.write(&file.path, offset, &buffer)?;
            Ok(buffer.len() as u64)
        })
        .await
    }

    async fn set_size(&mut self, handle: Handle, size: u64) -> Answered<()> {
        self.on(&handle, "set-size", |tree, file| {
            file.must_write_bytes(tree)?;
            tree.set_size(&file.path, size)
        })
        .await
    }

    async fn read_via_stream(&mut self, handle: Handle, offset: u64) -> Answered<Resource<DynInputStream>> {
        let stream = self
            .on(&handle, "read", |tree, file| {
                file.must_read_bytes(tree)?;
                tree.have_content(&file.path)?;
                Ok(Reading { tree: file.tree.clone(), path: file.path.clone(), offset })
            })
            .await?;
        let stream: DynInputStream = Box::new(stream);
        Ok(self.table.push_child(stream, &handle)?)
    }

    async fn write_via_stream(&mut self, handle: Handle, offset: u64) -> Answered<Resource<DynOutputStream>> {
        self.write_stream(&handle, Some(offset)).await
    }

    async fn append_via_stream(&mut self, handle: Handle) -> Answered<Resource<DynOutputStream>> {
        self.write_stream(&handle, None).await
    }

    fn advise(&mut self, handle: Handle, _: u64, _: u64, _: Advice) -> Answered<()> {
        self.on_handle(&handle, "advise", |_, file| {
            if file.directory { told(ErrorCode::BadDescriptor) } else { Ok(()) }
        })
    }

    /// There is nothing to wait for: writes are held and made durable with the attempt's ending.
    fn sync(&mut self, handle: Handle) -> Answered<()> {
        self.on_handle(&handle, "sync", |_, _| Ok(()))
    }

    fn sync_data(&mut self, handle: Handle) -> Answered<()> {
        self.on_handle(&handle, "sync", |_, _| Ok(()))
    }

    fn get_flags(&mut self, handle: Handle) -> Answered<DescriptorFlags> {
        self.on_handle(&handle, "flags", |_, file| {
            let write =
                if file.directory { DescriptorFlags::MUTATE_DIRECTORY } else { DescriptorFlags::WRITE };
            let only = |flag, set| if set { flag } else { DescriptorFlags::empty() };
            Ok(only(DescriptorFlags::READ, file.reads) | only(write, file.writes))
        })
    }

    fn get_type(&mut self, handle: Handle) -> Answered<DescriptorType> {
        let directory = |file: &Descriptor| if file.directory { Node::Directory } else { Node::File(0) };
        self.on_handle(&handle, "type", |_, file| Ok(directory(file).kind()))
    }

    async fn read_directory(&mut self, handle: Handle) -> Answered<Resource<Listing>> {
        let entries = self
            .on(&handle, "list", |tree, dir| {
                if dir.directory { tree.list(&dir.path) } else { told(ErrorCode::NotDirectory) }
            })
            .await?;
        let entries = entries.into_iter().map(|(name, node)| DirectoryEntry { type_: node.kind(), name });
        Ok(self.table.push(Listing(entries.collect::<Vec<_>>().into_iter()))?)
    }

    async fn stat(&mut self, handle: Handle) -> Answered<DescriptorStat> {
        self.on(&handle, "stat", |tree, file| Ok(stat(file.present(tree)?))).await
    }

    async fn stat_at(&mut self, handle: Handle, follow: PathFlags, path: String) -> Answered<DescriptorStat> {
        let follow = follow.contains(PathFlags::SYMLINK_FOLLOW);
        self.at(&handle, "stat", &path, |tree, _, place| present(tree, &place, follow).map(stat)).await
    }

    async fn metadata_hash(&mut self, handle: Handle) -> Answered<MetadataHashValue> {
        self.on(&handle, "stat", |tree, file| {
            let node = file.present(tree)?;
            Ok(metadata_hash(tree, &file.path, node))
        })
        .await
    }

    async fn metadata_hash_at(
        &mut self,
        handle: Handle,
        follow: PathFlags,
        path: String,
    ) -> Answered<MetadataHashValue> {
        let follow = follow.contains(PathFlags::SYMLINK_FOLLOW);
        self.at(&handle, "stat", &path, |tree, _, place| {
            let node = present(tree, &place, follow)?;
            Ok(metadata_hash(tree, &place.path, node))
        })
        .await
    }

    fn is_same_object(&mut self, one: Handle, other: Handle) -> wasmtime::Result<bool> {
        self.crossings.count(Kind::Files.word())?;
        let (one, other) = (self.table.get(&one)?, self.table.get(&other)?);
        Ok(one.tree.is(&other.tree) && one.path == other.path)
    }

    async fn create_directory_at(&mut self, handle: Handle, path: String) -> Answered<()> {
        self.at(&handle, "make-directory", &path, |tree, base, place| {
            base.must_change(tree)?;
            tree.make_directory(&place.path)
        })
        .await
    }

    async fn remove_directory_at(&mut self, handle: Handle, path: String) -> Answered<()> {
        self.at(&handle, "remove-directory", &path, |tree, base, place| {
            base.must_change(tree)?;
            tree.remove_directory(&place.path)
        })
        .await
    }

    async fn unlink_file_at(&mut self, handle: Handle, path: String) -> Answered<()> {
        self.at(&handle, "remove", &path, |tree, base, place| {
            base.must_change(tree)?;
            present(tree, &place, false)?;
            tree.remove_file(&place.path)
        })
        .await
    }

    async fn rename_at(&mut self, handle: Handle, old: String, to: Handle, new: String) -> Answered<()> {
        let target = self.table.get(&to)?.clone();
        self.at(&handle, "rename", &old, |tree, base, place| {
            if !base.tree.is(&target.tree) {
                return told(ErrorCode::CrossDevice);
            }
            base.must_change(tree)?;
            target.must_change(tree)?;
            let new = resolve(tree, &target, &new)?;
            present(tree, &place, false)?;
            if new.directory {
                return told(ErrorCode::NotDirectory);
            }
            tree.rename(&place.path, &new.path)
        })
        .await
    }

    /// Times are not kept: they would tell one copy of a directory from another.
    fn set_times(&mut self, handle: Handle, _: NewTimestamp, _: NewTimestamp) -> Answered<()> {
        self.on_handle(&handle, "set-times", |tree, file| {
            file.must_change(tree)?;
            told(ErrorCode::Unsupported)
        })
    }

    async fn set_times_at(
        &mut self,
        handle: Handle,
        _: PathFlags,
        path: String,
        _: NewTimestamp,
        _: NewTimestamp,
    ) -> Answered<()> {
        self.at(&handle, "set-times", &path, |tree, base, _| {
            base.must_change(tree)?;
            told(ErrorCode::Unsupported)
        })
        .await
    }

    async fn link_at(
        &mut self,
        handle: Handle,
        _: PathFlags,
        old: String,
        _: Handle,
        _: String,
    ) -> Answered<()> {
        self.at(&handle, "link", &old, |_, _, _| refused(ErrorCode::NotPermitted)).await
    }

    async fn symlink_at(&mut self, handle: Handle, _: String, new: String) -> Answered<()> {
        self.at(&handle, "symlink", &new, |_, _, _| refused(ErrorCode::NotPermitted)).await
    }

    async fn readlink_at(&mut self, handle: Handle, path: String) -> Answered<String> {
        self.at(&handle, "readlink", &path, |tree, _, place| match present(tree, &place, false)? {
            Node::Link => refused(ErrorCode::NotPermitted),
            _ => told(ErrorCode::Invalid),
        })
        .await
    }

    fn drop(&mut self, handle: Handle) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl Lent<'_, FilesCtx> {
    async fn write_stream(
        &mut self,
        handle: &Handle,
        offset: Option<u64>,
    ) -> Answered<Resource<DynOutputStream>> {
        let stream = self
            .on(handle, "write", |tree, file| {
                file.must_write_bytes(tree)?;
                tree.have_content(&file.path)?;
                Ok(Writing { tree: file.tree.clone(), path: file.path.clone(), offset })
            })
            .await?;
        let stream: DynOutputStream = Box::new(stream);
        Ok(self.table.push_child(stream, handle)?)
    }
}

impl Descriptor {
    fn must_read_bytes(&self, tree: &Tree) -> Answered<()> {
        tree.must_read()?;
        match (self.directory, self.reads) {
            (true, _) => told(ErrorCode::IsDirectory),
            (false, true) => Ok(()),
            (false, false) => told(ErrorCode::BadDescriptor),
        }
    }

    fn must_write_bytes(&self, tree: &Tree) -> Answered<()> {
        tree.must_write()?;
        match (self.directory, self.writes) {
            (true, _) => told(ErrorCode::IsDirectory),
            (false, true) => Ok(()),
            (false, false) => told(ErrorCode::BadDescriptor),
        }
    }

    /// What only the grant forbids is a refusal; what the guest opened without the right to it is its own affair.
    fn must_change(&self, tree: &Tree) -> Answered<()> {
        tree.must_write()?;
        if self.writes { Ok(()) } else { told(ErrorCode::ReadOnly) }
    }

    fn present(&self, tree: &mut Tree) -> Answered<Node> {
        match tree.show(&self.path)? {
            Node::Absent => told(ErrorCode::NoEntry),
            node => Ok(node),
        }
    }
}

impl types::HostDirectoryEntryStream for Lent<'_, FilesCtx> {
    fn read_directory_entry(&mut self, listing: Resource<Listing>) -> Answered<Option<DirectoryEntry>> {
        self.count()?;
        Ok(self.table.get_mut(&listing)?.0.next())
    }

    fn drop(&mut self, listing: Resource<Listing>) -> wasmtime::Result<()> {
        self.table.delete(listing)?;
        Ok(())
    }
}
