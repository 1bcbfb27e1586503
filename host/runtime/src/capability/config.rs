//! Lends settings by name as the policy gives them (`wasi:config`). Never lends the host's environment, arguments
//! or any setting the grant does not list: a name outside the grant is answered like one that does not exist.

use super::bindings::wasi::config::store;
use super::{Lends, Lent};
use crate::crossings::{Ask, Reply};
use kapell_model::capability::Kind;
use kapell_model::grant::{Authority, GrantSet};
use kapell_model::id::RuleId;
use std::collections::BTreeMap;
use wasmtime::component::Linker;

/// The settings of one attempt.
#[derive(Debug)]
pub struct ConfigCtx {
    values: BTreeMap<String, (String, RuleId)>,
}

impl ConfigCtx {
    /// The settings of all grants together; a name that two grants give has the first one's value.
    #[must_use]
    pub fn new(grants: &GrantSet) -> Self {
        let mut settings = BTreeMap::new();
        for grant in grants.of_kind(Kind::Config) {
            let Authority::Config { values } = &grant.authority else { continue };
            for (name, value) in values {
                settings.entry(name.clone()).or_insert_with(|| (value.clone(), grant.rule.clone()));
            }
        }
        Self { values: settings }
    }
}

/// Gives the settings of a store.
pub trait ConfigView: Send + 'static {
    /// The settings, the handles, the seam.
    fn config(&mut self) -> Lent<'_, ConfigCtx>;
}

impl Lent<'_, ConfigCtx> {
    /// One recorded reading of one setting, within a call that is counted.
    fn setting(&self, name: &str) -> wasmtime::Result<Option<String>> {
        let found = self.ctx.values.get(name);
        let ask = Ask { kind: Kind::Config, call: "get", object: name, rule: found.map(|(_, rule)| rule) };
        let live = || Ok(found.map_or(Reply::Absent, |(value, _)| Reply::Text(value.clone())));
        match self.crossings.observe(&ask, live)? {
            Reply::Text(value) => {
                self.crossings.read(value.len());
                Ok(Some(value))
            }
            Reply::Absent => Ok(None),
            _ => Err(super::unfit(&ask)),
        }
    }
}

impl store::Host for Lent<'_, ConfigCtx> {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, store::Error>> {
        self.crossings.count(Kind::Config.word())?;
        self.setting(&key).map(Ok)
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, store::Error>> {
        let ask = Ask { kind: Kind::Config, call: "names", object: "", rule: None };
        let names = || Ok(Reply::Names(self.ctx.values.keys().cloned().collect()));
        let names = match self.crossings.cross(&ask, names)? {
            Reply::Names(names) => names,
            _ => return Err(super::unfit(&ask)),
        };
        let mut settings = Vec::with_capacity(names.len());
        for name in names {
            if let Some(value) = self.setting(&name)? {
                settings.push((name, value));
            }
        }
        Ok(Ok(settings))
    }
}

/// Links `wasi:config/store`.
///
/// # Errors
/// When it is linked already.
pub fn add_to_linker<T: ConfigView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    store::add_to_linker::<T, Lends<ConfigCtx>>(linker, T::config)
}
