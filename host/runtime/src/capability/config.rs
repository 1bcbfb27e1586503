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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::store::Host as _;
    use super::*;
    use crate::capability::testing::{Bench, grant, lines};
    use kapell_model::uses::Use;

    fn settings(grants: &[(&str, &[(&str, &str)])]) -> Bench<ConfigCtx> {
        let grants = grants.iter().map(|(name, values)| {
            let values =
                values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            grant(name, Authority::Config { values })
        });
        Bench::new(ConfigCtx::new(&GrantSet::of(grants.collect())))
    }

    #[test]
    fn a_granted_setting_is_read_and_recorded_and_any_other_is_absent() {
        let mut bench = settings(&[("house", &[("currency", "EUR")])]);
        assert_eq!(bench.lent().get("currency".into()).unwrap().unwrap(), Some("EUR".into()));
        assert_eq!(bench.lent().get("PATH".into()).unwrap().unwrap(), None);
        let (meters, left) = bench.meters();
        assert_eq!(
            lines(&left.crossings),
            [r#"config get currency {"text":"EUR"}"#, r#"config get PATH "absent""#]
        );
        assert_eq!((meters.crossings.get("config"), meters.bytes_read), (Some(&2), 3));
    }

    /// What a guest is answered is what the words of a use say of the grant.
    #[test]
    fn a_use_is_answered_as_the_grant_says() {
        for settings_of in [&[][..], &[("greeting", "Hello")], &[("greeting", ""), ("currency", "EUR")]] {
            let values = settings_of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let authority = Authority::Config { values: values.collect() };
            for key in ["greeting", "currency", "Greeting", "greeting ", "PATH"] {
                let allowed = authority.allows(&Use::Config { key: key.into() });
                let told = settings(&[("house", settings_of)]).lent().get(key.into()).unwrap().unwrap();
                assert_eq!(told.is_some(), allowed, "{key:?} of {settings_of:?}");
            }
        }
    }

    #[test]
    fn all_settings_come_sorted_the_first_grant_winning() {
        let mut bench = settings(&[("one", &[("b", "1")]), ("two", &[("b", "2"), ("a", "3")])]);
        let all = bench.lent().get_all().unwrap().unwrap();
        assert_eq!(all, [("a".into(), "3".into()), ("b".into(), "1".into())]);
        let (meters, left) = bench.meters();
        assert_eq!(lines(&left.crossings).first().unwrap(), r#"config names  {"names":["a","b"]}"#);
        assert_eq!(meters.crossings.get("config"), Some(&1));
    }

    #[test]
    fn without_a_grant_there_are_no_settings() {
        let mut bench = settings(&[]);
        assert_eq!(bench.lent().get_all().unwrap().unwrap(), []);
    }
}
