//! Lends buckets of keys and values (`wasi:keyvalue`), opened by the grant's own name and bound to a namespace of
//! the store. Never lends another namespace, and never the store's writing side: writes are held.
//!
//! The attempt reads its own writes. What it read of the store stays as it was at first touch, and the versions it
//! saw travel with its writes, so that two attempts that increment one counter can't lose one of the increments.

use super::bindings::wasi::keyvalue::store::{self, KeyResponse};
use super::bindings::wasi::keyvalue::{atomics, batch};
use super::{Lends, Lent};
use crate::crossings::{Ask, LimitReached, Reply};
use kapell_model::capability::{Access, Kind};
use kapell_model::ending::TrapCause;
use kapell_model::grant::{Authority, GrantSet};
use kapell_model::id::{LogicalName, RuleId};
use kapell_model::seam::KeyvalueReads;
use kapell_model::writes::{KeySeen, KeyWrite};
use std::collections::BTreeMap;
use std::sync::Arc;
use wasmtime::component::{Linker, Resource, ResourceTableError};

/// Keys in one page of a listing.
const PAGE: usize = 1_000;

pub use kapell_model::uses::KEY_MAX;

/// The buckets of one attempt.
pub struct KeyvalueCtx {
    reads: Arc<dyn KeyvalueReads>,
    buckets: Vec<BucketState>,
}

impl std::fmt::Debug for KeyvalueCtx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyvalueCtx").field("buckets", &self.buckets).finish_non_exhaustive()
    }
}

/// A handle of the guest's to a bucket: its place among the grants.
#[derive(Clone, Copy, Debug)]
pub struct Bucket(usize);

#[derive(Debug)]
struct BucketState {
    name: LogicalName,
    rule: RuleId,
    namespace: String,
    access: Access,
    bytes_max: u64,
    keys_max: u64,
    /// Keys and values together, as they would be committed now.
    bytes: u64,
    written: BTreeMap<String, Option<Vec<u8>>>,
    seen: BTreeMap<String, Seen>,
    /// The last key of each page handed out; a cursor is a place in here.
    pages: Vec<String>,
}

/// A key as it was at first touch.
#[derive(Clone, Debug)]
struct Seen {
    value: Option<Arc<[u8]>>,
    version: u64,
}

impl KeyvalueCtx {
    /// The buckets as granted.
    #[must_use]
    pub fn new(grants: &GrantSet, reads: Arc<dyn KeyvalueReads>) -> Self {
        let buckets = grants.grants.iter().filter_map(|grant| match &grant.authority {
            Authority::Keyvalue { namespace, access, bytes_max, keys_max } => Some(BucketState {
                name: grant.name.clone(),
                rule: grant.rule.clone(),
                namespace: namespace.clone(),
                access: *access,
                bytes_max: bytes_max.0,
                keys_max: *keys_max,
                bytes: 0,
                written: BTreeMap::new(),
                seen: BTreeMap::new(),
                pages: Vec::new(),
            }),
            _ => None,
        });
        Self { reads, buckets: buckets.collect() }
    }

    /// What was written, the last value of each key, and the versions that were seen; each in the order of grants
    /// and keys.
    #[must_use]
    pub fn held(self) -> (Vec<KeyWrite>, Vec<KeySeen>) {
        let (mut writes, mut reads) = (Vec::new(), Vec::new());
        for bucket in self.buckets {
            let namespace = bucket.namespace;
            let written = bucket.written.into_iter();
            writes.extend(written.map(|(key, value)| KeyWrite { namespace: namespace.clone(), key, value }));
            let seen = bucket.seen.into_iter();
            reads.extend(seen.map(|(key, seen)| KeySeen {
                namespace: namespace.clone(),
                key,
                version: seen.version,
            }));
        }
        (writes, reads)
    }
}

/// Gives the buckets of a store.
pub trait KeyvalueView: Send + 'static {
    /// The buckets, the handles, the seam.
    fn keyvalue(&mut self) -> Lent<'_, KeyvalueCtx>;
}

/// Why a call did not give what was asked.
#[derive(Debug, thiserror::Error)]
pub enum KeyvalueError {
    /// The guest is told, and goes on.
    #[error("{0:?}")]
    Told(store::Error),
    /// The guest ends.
    #[error(transparent)]
    Ends(wasmtime::Error),
}

impl From<wasmtime::Error> for KeyvalueError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Ends(error)
    }
}

impl From<LimitReached> for KeyvalueError {
    fn from(error: LimitReached) -> Self {
        Self::Ends(error.into())
    }
}

impl From<ResourceTableError> for KeyvalueError {
    fn from(error: ResourceTableError) -> Self {
        Self::Ends(error.into())
    }
}

type Answered<T> = Result<T, KeyvalueError>;

fn told<T>(why: impl Into<String>) -> Answered<T> {
    Err(KeyvalueError::Told(store::Error::Other(why.into())))
}

/// What a call does with the bucket; decides which access it needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Reads,
    Writes,
    Both,
}

impl Use {
    const fn needs(self) -> Access {
        match self {
            Use::Reads => Access::Read,
            Use::Writes => Access::Write,
            Use::Both => Access::ReadWrite,
        }
    }
}

impl Lent<'_, KeyvalueCtx> {
    /// Counts a call on a bucket, checks its access and the key's form.
    fn enter(
        &mut self,
        bucket: &Resource<Bucket>,
        call: &'static str,
        key: &str,
        used: Use,
    ) -> Answered<usize> {
        self.crossings.count(Kind::Keyvalue.word())?;
        let (place, crossings) = (self.table.get(bucket)?.0, self.crossings);
        let state = self.bucket(place)?;
        if !state.access.covers(used.needs()) {
            let object = state.object(key);
            let ask = Ask { kind: Kind::Keyvalue, call, object: &object, rule: Some(&state.rule) };
            crossings.refuse(&ask, "access-denied")?;
            return Err(KeyvalueError::Told(store::Error::AccessDenied));
        }
        match key.len() {
            0..=KEY_MAX => Ok(place),
            length => told(format!("a key of {length} bytes, {KEY_MAX} at most")),
        }
    }

    fn bucket(&mut self, place: usize) -> Answered<&mut BucketState> {
        let missing = || KeyvalueError::Ends(super::not_granted(Kind::Keyvalue));
        self.ctx.buckets.get_mut(place).ok_or_else(missing)
    }

    /// The value as the attempt sees it: its own write, else the store's at first touch.
    fn value(&mut self, place: usize, key: &str) -> Answered<Option<Vec<u8>>> {
        if let Some(own) = self.bucket(place)?.written.get(key) {
            return Ok(own.clone());
        }
        let seen = match self.bucket(place)?.seen.get(key) {
            Some(seen) => seen.clone(),
            None => self.first_touch(place, key)?,
        };
        Ok(seen.value.map(|value| value.to_vec()))
    }

    fn first_touch(&mut self, place: usize, key: &str) -> Answered<Seen> {
        let (reads, crossings) = (self.ctx.reads.clone(), self.crossings);
        let state = self.bucket(place)?;
        let object = state.object(key);
        let ask = Ask { kind: Kind::Keyvalue, call: "get", object: &object, rule: Some(&state.rule) };
        let mut version = 0;
        let reply = crossings.observe(&ask, || {
            let found = reads.get(&state.namespace, key)?;
            Ok(found.map_or(Reply::Absent, |(value, at)| {
                version = at;
                Reply::Bytes(value.into())
            }))
        })?;
        let value = match reply {
            Reply::Bytes(value) | Reply::Content(value) => Some(value),
            Reply::Absent => None,
            _ => return Err(super::unfit(&ask).into()),
        };
        let seen = Seen { value, version };
        state.seen.insert(key.to_owned(), seen.clone());
        Ok(seen)
    }

    fn get_value(&mut self, place: usize, key: &str) -> Answered<Option<Vec<u8>>> {
        let value = self.value(place, key)?;
        self.crossings.read(value.as_ref().map_or(0, Vec::len));
        Ok(value)
    }

    fn put(&mut self, place: usize, key: String, value: Option<Vec<u8>>) -> Answered<()> {
        self.crossings.wrote(key.len() + value.as_ref().map_or(0, Vec::len));
        Ok(self.bucket(place)?.hold(key, value)?)
    }

    fn page(&mut self, place: usize, after: Option<&str>) -> Answered<Vec<String>> {
        let (reads, crossings) = (self.ctx.reads.clone(), self.crossings);
        let state = self.bucket(place)?;
        let object = state.object(after.unwrap_or_default());
        let ask = Ask { kind: Kind::Keyvalue, call: "list", object: &object, rule: Some(&state.rule) };
        let live = || Ok(Reply::Names(reads.keys(&state.namespace, after, PAGE)?));
        match crossings.observe(&ask, live)? {
            Reply::Names(names) => Ok(names),
            _ => Err(super::unfit(&ask).into()),
        }
    }
}

impl BucketState {
    fn object(&self, key: &str) -> String {
        format!("{}/{key}", self.name)
    }

    fn hold(&mut self, key: String, value: Option<Vec<u8>>) -> Result<(), LimitReached> {
        let weight = |value: &Option<Vec<u8>>| (key.len() + value.as_ref().map_or(0, Vec::len)) as u64;
        let before = self.written.get(&key);
        let bytes = self.bytes - before.map_or(0, weight) + weight(&value);
        let keys = self.written.len() as u64 + u64::from(before.is_none());
        let over = match () {
            () if keys > self.keys_max => format!("{keys} keys written, {} granted", self.keys_max),
            () if bytes > self.bytes_max => format!("{bytes} bytes written, {} granted", self.bytes_max),
            () => {
                self.bytes = bytes;
                self.written.insert(key, value);
                return Ok(());
            }
        };
        let detail = format!("keyvalue `{}`: {over} by rule {}", self.name, self.rule);
        Err(LimitReached { cause: TrapCause::Quota, detail })
    }

    /// A page of the store's keys with the attempt's own writes laid over it, and the cursor to go on with.
    fn merge(&mut self, after: Option<&str>, stored: Vec<String>) -> KeyResponse {
        let full = stored.len() >= PAGE;
        let last = stored.last().filter(|_| full).cloned();
        let mut keys: std::collections::BTreeSet<String> = stored.into_iter().collect();
        for (key, value) in &self.written {
            let here = after.is_none_or(|after| key.as_str() > after)
                && last.as_ref().is_none_or(|last| key <= last);
            match (here, value) {
                (false, _) => {}
                (true, Some(_)) => {
                    keys.insert(key.clone());
                }
                (true, None) => {
                    keys.remove(key);
                }
            }
        }
        let cursor = last.map(|last| {
            self.pages.push(last);
            self.pages.len() as u64
        });
        KeyResponse { keys: keys.into_iter().collect(), cursor }
    }
}

impl store::Host for Lent<'_, KeyvalueCtx> {
    fn open(&mut self, identifier: String) -> Answered<Resource<Bucket>> {
        self.crossings.count(Kind::Keyvalue.word())?;
        let place = self.ctx.buckets.iter().position(|bucket| bucket.name.as_str() == identifier);
        let Some(place) = place else {
            let ask = Ask { kind: Kind::Keyvalue, call: "open", object: &identifier, rule: None };
            self.crossings.refuse(&ask, "access-denied")?;
            return Err(KeyvalueError::Told(store::Error::AccessDenied));
        };
        Ok(self.table.push(Bucket(place))?)
    }

    fn convert_error(&mut self, error: KeyvalueError) -> wasmtime::Result<store::Error> {
        match error {
            KeyvalueError::Told(error) => Ok(error),
            KeyvalueError::Ends(error) => Err(error),
        }
    }
}

impl store::HostBucket for Lent<'_, KeyvalueCtx> {
    fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Answered<Option<Vec<u8>>> {
        let place = self.enter(&bucket, "get", &key, Use::Reads)?;
        self.get_value(place, &key)
    }

    fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Answered<()> {
        let place = self.enter(&bucket, "set", &key, Use::Writes)?;
        self.put(place, key, Some(value))
    }

    fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Answered<()> {
        let place = self.enter(&bucket, "delete", &key, Use::Writes)?;
        self.put(place, key, None)
    }

    fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Answered<bool> {
        let place = self.enter(&bucket, "exists", &key, Use::Reads)?;
        Ok(self.value(place, &key)?.is_some())
    }

    fn list_keys(&mut self, bucket: Resource<Bucket>, cursor: Option<u64>) -> Answered<KeyResponse> {
        let place = self.enter(&bucket, "list", "", Use::Reads)?;
        let after = match cursor {
            None => None,
            Some(cursor) => {
                let page = usize::try_from(cursor).ok().and_then(|cursor| cursor.checked_sub(1));
                let last = page.and_then(|page| self.ctx.buckets.get(place)?.pages.get(page).cloned());
                let Some(last) = last else { return told(format!("cursor {cursor} was never handed out")) };
                Some(last)
            }
        };
        let stored = self.page(place, after.as_deref())?;
        Ok(self.bucket(place)?.merge(after.as_deref(), stored))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for Lent<'_, KeyvalueCtx> {
    /// The value is decimal text, as other hosts keep it, so that people can read a counter.
    fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: u64) -> Answered<u64> {
        let place = self.enter(&bucket, "increment", &key, Use::Both)?;
        let before = match self.get_value(place, &key)? {
            None => Some(0),
            Some(text) => std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()),
        };
        let Some(before): Option<u64> = before else { return told("the value is not a whole number") };
        let Some(after) = before.checked_add(delta) else { return told("the counter would overflow") };
        self.put(place, key, Some(after.to_string().into_bytes()))?;
        Ok(after)
    }
}

impl batch::Host for Lent<'_, KeyvalueCtx> {
    fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Answered<Vec<Option<(String, Vec<u8>)>>> {
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            let place = self.enter(&bucket, "get", &key, Use::Reads)?;
            values.push(self.get_value(place, &key)?.map(|value| (key, value)));
        }
        Ok(values)
    }

    fn set_many(&mut self, bucket: Resource<Bucket>, pairs: Vec<(String, Vec<u8>)>) -> Answered<()> {
        for (key, value) in pairs {
            let place = self.enter(&bucket, "set", &key, Use::Writes)?;
            self.put(place, key, Some(value))?;
        }
        Ok(())
    }

    fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Answered<()> {
        for key in keys {
            let place = self.enter(&bucket, "delete", &key, Use::Writes)?;
            self.put(place, key, None)?;
        }
        Ok(())
    }
}

/// Links `wasi:keyvalue/store`, `atomics` and `batch`.
///
/// # Errors
/// When one of them is linked already.
pub fn add_to_linker<T: KeyvalueView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    store::add_to_linker::<T, Lends<KeyvalueCtx>>(linker, T::keyvalue)?;
    atomics::add_to_linker::<T, Lends<KeyvalueCtx>>(linker, T::keyvalue)?;
    batch::add_to_linker::<T, Lends<KeyvalueCtx>>(linker, T::keyvalue)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::atomics::Host as _;
    use super::batch::Host as _;
    use super::store::{Host as _, HostBucket as _};
    use super::*;
    use crate::capability::testing::{Bench, granted, limit, lines};
    use kapell_model::quantity::Bytes;
    use kapell_model::seam::HostFault;
    use std::sync::Mutex;

    /// A store in memory, all keys of one namespace; `crm` is the only one there is.
    #[derive(Default)]
    struct Memory(Mutex<BTreeMap<String, (Vec<u8>, u64)>>);

    impl Memory {
        fn of(pairs: &[(&str, &str)]) -> Arc<Self> {
            let memory = Self::default();
            pairs.iter().for_each(|(key, value)| memory.set(key, value, 1));
            Arc::new(memory)
        }

        fn set(&self, key: &str, value: &str, version: u64) {
            self.0.lock().unwrap().insert(key.into(), (value.into(), version));
        }
    }

    impl KeyvalueReads for Memory {
        fn get(&self, namespace: &str, key: &str) -> Result<Option<(Vec<u8>, u64)>, HostFault> {
            assert_eq!(namespace, "crm");
            Ok(self.0.lock().unwrap().get(key).cloned())
        }

        fn keys(
            &self,
            namespace: &str,
            cursor: Option<&str>,
            limit: usize,
        ) -> Result<Vec<String>, HostFault> {
            assert_eq!(namespace, "crm");
            let keys = self.0.lock().unwrap();
            Ok(keys
                .keys()
                .filter(|key| cursor.is_none_or(|at| key.as_str() > at))
                .take(limit)
                .cloned()
                .collect())
        }
    }

    struct Desk {
        bench: Bench<KeyvalueCtx>,
        handle: u32,
    }

    fn desk(store: &Arc<Memory>, access: Access, keys_max: u64, bytes_max: u64) -> Desk {
        let authority =
            Authority::Keyvalue { namespace: "crm".into(), access, bytes_max: Bytes(bytes_max), keys_max };
        let mut bench = Bench::new(KeyvalueCtx::new(&granted("accounts", authority), store.clone()));
        let handle = bench.lent().open("accounts".into()).unwrap().rep();
        Desk { bench, handle }
    }

    fn open(store: &Arc<Memory>) -> Desk {
        desk(store, Access::ReadWrite, 100, 10_000)
    }

    impl Desk {
        fn bucket(&self) -> Resource<Bucket> {
            Resource::new_borrow(self.handle)
        }
        fn get(&mut self, key: &str) -> Answered<Option<String>> {
            let bucket = self.bucket();
            let value = self.bench.lent().get(bucket, key.into())?;
            Ok(value.map(|value| String::from_utf8(value).unwrap()))
        }
        fn set(&mut self, key: &str, value: &str) -> Answered<()> {
            let bucket = self.bucket();
            self.bench.lent().set(bucket, key.into(), value.into())
        }
        fn delete(&mut self, key: &str) -> Answered<()> {
            let bucket = self.bucket();
            self.bench.lent().delete(bucket, key.into())
        }
        fn increment(&mut self, key: &str, delta: u64) -> Answered<u64> {
            let bucket = self.bucket();
            self.bench.lent().increment(bucket, key.into(), delta)
        }
        fn list(&mut self, cursor: Option<u64>) -> Answered<KeyResponse> {
            let bucket = self.bucket();
            self.bench.lent().list_keys(bucket, cursor)
        }
        fn held(self) -> (Vec<String>, Vec<String>) {
            let (writes, seen) = self.bench.ctx.held();
            let text = |value: Option<Vec<u8>>| {
                value.map_or("gone".into(), |value| String::from_utf8(value).unwrap())
            };
            (
                writes
                    .into_iter()
                    .map(|it| format!("{}/{}={}", it.namespace, it.key, text(it.value)))
                    .collect(),
                seen.into_iter().map(|it| format!("{}/{}@{}", it.namespace, it.key, it.version)).collect(),
            )
        }
    }

    /// What a guest is answered is what the words of a use say of the grant.
    #[test]
    fn a_use_is_answered_as_the_grant_says() {
        let store = Memory::of(&[("a", "1")]);
        for access in [Access::Read, Access::Write, Access::ReadWrite] {
            for (key, bytes) in
                [("a", 1), ("b", 9), ("b", 10), (&*"k".repeat(KEY_MAX), 1), (&*"k".repeat(KEY_MAX + 1), 1)]
            {
                let authority = Authority::Keyvalue {
                    namespace: "crm".into(),
                    access,
                    bytes_max: Bytes(if access.writes() { 2_000 } else { 0 }.min(if key == "b" {
                        10
                    } else {
                        2_000
                    })),
                    keys_max: u64::from(access.writes()),
                };
                let allowed = |word: &str, size: usize| {
                    let said = format!("keyvalue {word} accounts/{key} of {size}B");
                    authority.allows(&said.parse().unwrap())
                };
                let (keys_max, most) = match &authority {
                    Authority::Keyvalue { keys_max, bytes_max, .. } => (*keys_max, bytes_max.0),
                    _ => unreachable!(),
                };
                let desk = || desk(&store, access, keys_max, most);
                let value = "v".repeat(bytes);
                assert_eq!(desk().get(key).is_ok(), allowed("read", 0), "{access} get {key} {bytes}");
                assert_eq!(
                    desk().set(key, &value).is_ok(),
                    allowed("write", key.len() + bytes),
                    "{access} set {key}"
                );
                if key == "a" {
                    assert_eq!(
                        desk().increment(key, 1).is_ok(),
                        allowed("read-write", key.len() + 1),
                        "{access}"
                    );
                }
            }
        }
    }

    fn denied<T: std::fmt::Debug>(answer: Answered<T>) -> bool {
        matches!(answer, Err(KeyvalueError::Told(store::Error::AccessDenied)))
    }

    fn other<T: std::fmt::Debug>(answer: Answered<T>) -> String {
        match answer {
            Err(KeyvalueError::Told(store::Error::Other(why))) => why,
            answer => panic!("{answer:?}"),
        }
    }

    fn ended<T: std::fmt::Debug>(answer: Answered<T>) -> Option<TrapCause> {
        match answer {
            Err(KeyvalueError::Ends(error)) => limit(&error),
            _ => None,
        }
    }

    #[test]
    fn only_the_granted_name_opens() {
        let mut desk = open(&Memory::of(&[]));
        // Not even the operator's own word for the same thing.
        for name in ["crm", "", "accounts/", "default"] {
            assert!(denied(desk.bench.lent().open(name.into())), "{name}");
        }
        let (meters, left) = desk.bench.meters();
        assert_eq!(meters.crossings.get("refused"), Some(&4));
        assert_eq!(
            lines(&left.crossings).first().unwrap(),
            r#"keyvalue open crm {"refused":"access-denied"}"#
        );
    }

    #[test]
    fn the_attempt_reads_its_own_writes_and_the_store_stays_as_it_was() {
        let store = Memory::of(&[("a", "1")]);
        let mut desk = open(&store);
        desk.set("a", "2").unwrap();
        desk.set("b", "3").unwrap();
        assert_eq!(desk.get("a").unwrap(), Some("2".into()));
        desk.delete("b").unwrap();
        assert_eq!(desk.get("b").unwrap(), None);
        assert_eq!(store.get("crm", "a").unwrap(), Some((b"1".to_vec(), 1)));
        let (meters, left) = desk.bench.meters();
        assert_eq!(left.crossings, [], "own writes are no readings");
        assert_eq!((meters.bytes_read, meters.bytes_written), (1, 2 + 2 + 1));
        assert_eq!(desk.held(), (vec!["crm/a=2".into(), "crm/b=gone".into()], vec![]));
    }

    #[test]
    fn a_read_is_recorded_once_with_its_version_and_stays_what_it_was() {
        let store = Memory::of(&[]);
        store.set("a", "1", 7);
        let mut desk = open(&store);
        assert_eq!(desk.get("a").unwrap(), Some("1".into()));
        store.set("a", "2", 8);
        assert_eq!(desk.get("a").unwrap(), Some("1".into()));
        assert_eq!(desk.get("none").unwrap(), None);
        let (_, left) = desk.bench.meters();
        let expected =
            [r#"keyvalue get accounts/a {"bytes":"MQ=="}"#, r#"keyvalue get accounts/none "absent""#];
        assert_eq!(lines(&left.crossings), expected);
        assert_eq!(desk.held().1, ["crm/a@7", "crm/none@0"]);
    }

    #[test]
    fn read_only_refuses_writes_and_write_only_refuses_reads() {
        let store = Memory::of(&[("a", "1")]);
        let mut reader = desk(&store, Access::Read, 100, 1_000);
        assert_eq!(reader.get("a").unwrap(), Some("1".into()));
        assert!(reader.list(None).is_ok());
        assert!(
            denied(reader.set("a", "2")) && denied(reader.delete("a")) && denied(reader.increment("a", 1))
        );
        let bucket = reader.bucket();
        assert!(denied(reader.bench.lent().set_many(bucket, vec![("a".into(), vec![])])));
        let bucket = reader.bucket();
        assert!(denied(reader.bench.lent().delete_many(bucket, vec!["a".into()])));
        assert_eq!(reader.bench.meters().0.crossings.get("refused"), Some(&5));
        assert_eq!(reader.held().0, Vec::<String>::new());

        let mut writer = desk(&store, Access::Write, 100, 1_000);
        writer.set("a", "2").unwrap();
        // Not even what it wrote itself: the answer would say whether it was there.
        assert!(denied(writer.get("a")) && denied(writer.list(None)) && denied(writer.increment("a", 1)));
        let bucket = writer.bucket();
        assert!(denied(writer.bench.lent().exists(bucket, "a".into())));
        let bucket = writer.bucket();
        assert!(denied(writer.bench.lent().get_many(bucket, vec!["a".into()])));
        assert_eq!(writer.held(), (vec!["crm/a=2".into()], vec![]));
    }

    #[test]
    fn quotas_hold_at_their_limit_and_end_the_guest_beyond_it() {
        let store = Memory::of(&[]);
        for (keys, ends) in [(1, false), (2, false), (3, true)] {
            let mut desk = desk(&store, Access::Write, 2, 1_000);
            let all = (0..keys).try_for_each(|key| desk.set(&format!("k{key}"), "v"));
            assert_eq!(ended(all), ends.then_some(TrapCause::Quota), "{keys} keys");
        }
        for (bytes, ends) in [(9, false), (10, false), (11, true)] {
            let mut desk = desk(&store, Access::Write, 2, 10);
            let answer = desk.set("k", &"v".repeat(bytes - 1));
            assert_eq!(ended(answer), ends.then_some(TrapCause::Quota), "{bytes} bytes");
        }
    }

    #[test]
    fn a_key_written_again_counts_once() {
        let mut desk = desk(&Memory::of(&[]), Access::Write, 1, 10);
        for _ in 0..5 {
            desk.set("k", "123456789").unwrap();
        }
        desk.delete("k").unwrap();
        assert_eq!(ended(desk.set("l", "")), Some(TrapCause::Quota), "a deletion is a change too");
    }

    #[test]
    fn keys_are_short() {
        let mut desk = open(&Memory::of(&[]));
        assert!(desk.set(&"k".repeat(KEY_MAX), "v").is_ok());
        assert_eq!(other(desk.set(&"k".repeat(KEY_MAX + 1), "v")), "a key of 1025 bytes, 1024 at most");
    }

    #[test]
    fn increments_add_up_over_own_writes_and_remember_what_they_rest_on() {
        let store = Memory::of(&[("n", "41"), ("word", "many"), ("full", &u64::MAX.to_string())]);
        let mut desk = open(&store);
        assert_eq!(desk.increment("n", 1).unwrap(), 42);
        assert_eq!(desk.increment("n", 8).unwrap(), 50);
        assert_eq!(desk.increment("new", 3).unwrap(), 3);
        assert_eq!(other(desk.increment("word", 1)), "the value is not a whole number");
        assert_eq!(other(desk.increment("full", 1)), "the counter would overflow");
        let (writes, seen) = desk.held();
        assert_eq!(writes, ["crm/n=50", "crm/new=3"]);
        assert_eq!(seen, ["crm/full@1", "crm/n@1", "crm/new@0", "crm/word@1"]);
    }

    #[test]
    fn a_listing_is_sorted_and_shows_own_writes() {
        let mut desk = open(&Memory::of(&[("b", ""), ("d", ""), ("a", "")]));
        desk.set("c", "").unwrap();
        desk.delete("b").unwrap();
        let page = desk.list(None).unwrap();
        assert_eq!((page.keys, page.cursor), (vec!["a".into(), "c".into(), "d".into()], None));
        let (_, left) = desk.bench.meters();
        assert_eq!(lines(&left.crossings), [r#"keyvalue list accounts/ {"names":["a","b","d"]}"#]);
    }

    #[test]
    fn a_long_listing_comes_in_pages_without_a_gap_or_a_double() {
        let store = Memory::of(&[]);
        (0..2 * PAGE).for_each(|key| store.set(&format!("k{key:05}"), "", 1));
        let mut desk = desk(&store, Access::ReadWrite, 10, 1_000);
        desk.set("k00999x", "").unwrap();
        desk.set("zz", "").unwrap();
        let (mut keys, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = desk.list(cursor).unwrap();
            keys.extend(page.keys);
            pages += 1;
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!((keys.len(), pages), (2 * PAGE + 2, 3));
        assert!(keys.windows(2).all(|pair| pair.first() < pair.last()));
        assert_eq!(other(desk.list(Some(99))), "cursor 99 was never handed out");
        assert_eq!(other(desk.list(Some(0))), "cursor 0 was never handed out");
    }

    #[test]
    fn a_batch_is_its_calls_each_counted() {
        let mut desk = open(&Memory::of(&[("a", "1")]));
        let bucket = desk.bucket();
        desk.bench
            .lent()
            .set_many(bucket, vec![("b".into(), b"2".to_vec()), ("c".into(), b"3".to_vec())])
            .unwrap();
        let bucket = desk.bucket();
        desk.bench.lent().delete_many(bucket, vec!["c".into()]).unwrap();
        let bucket = desk.bucket();
        let keys = ["a", "b", "c"].map(str::to_owned).to_vec();
        let got = desk.bench.lent().get_many(bucket, keys).unwrap();
        assert_eq!(got, [Some(("a".into(), b"1".to_vec())), Some(("b".into(), b"2".to_vec())), None]);
        let (meters, _) = desk.bench.meters();
        assert_eq!(meters.crossings.get("keyvalue"), Some(&(1 + 2 + 1 + 3)));
    }
}
