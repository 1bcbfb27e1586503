//! Policy and metering on a step that uses no capability: grants it holds, and the meters it runs under.

use crate::bare::{Bare, Setting};
use crate::guests;
use crate::house::{self, fixed};
use crate::rounds::{Taken, interleaved};
use crate::step::{STEPS, echoes, one_thread, runs};
use crate::table::{self, Goal};
use anyhow::Result;
use kapell_model::capability::Access;
use kapell_model::grant::{Authority, Grant};
use kapell_model::http::{HttpGrant, Method};
use kapell_model::inference::{InferenceGrant, Tier};
use kapell_model::quantity::{Bytes, Span};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The argument that asks for this group alone.
pub(crate) const GROUP: &str = "unused";

const ROUNDS: usize = 25;

/// Prints the group.
pub(crate) fn print() -> Result<()> {
    let (tokio, cache) = (one_thread()?, house::folder()?);
    let sandbox = Arc::new(house::sandbox(cache.path())?);
    let skill = house::install(&sandbox, "bench:echo", &guests::echo()?)?;
    let unmetered = Bare::new(&guests::echo()?, Setting::default())?;
    let metered = Bare::new(&guests::echo()?, Setting { fuel: true, ..Setting::default() })?;
    let (without, holding) = (skill.program(STEPS)?, skill.granted(grants()?).program(STEPS)?);
    let text = guests::text(0);
    let [unmetered, metered, without, holding] = interleaved(
        ROUNDS,
        [
            Box::new(|| echoes(&tokio, &unmetered, &text)),
            Box::new(|| echoes(&tokio, &metered, &text)),
            Box::new(|| runs(&tokio, &sandbox, &without)),
            Box::new(|| runs(&tokio, &sandbox, &holding)),
        ],
    )?;
    table::group("Policy and metering on a step that uses no capability");
    let row = |name: &str, taken: &Taken, base: &Taken| {
        table::against(name, &table::time(taken.median()), taken.ratio_to(base), Goal::AtMost(1.1));
    };
    row("the engine counting fuel, to the engine without", &metered, &unmetered);
    row("a step holding eight grants, to one without", &holding, &without);
    Ok(())
}

/// One grant of each kind that is not a thing to be opened before the attempt.
fn grants() -> Result<Vec<Grant>> {
    let (some, kib) = (Span(1_000), Bytes(1 << 10));
    let authorities = [
        Authority::Keyvalue {
            namespace: "bench".into(),
            access: Access::ReadWrite,
            bytes_max: kib,
            keys_max: 10,
        },
        Authority::Config { values: BTreeMap::from([("currency".into(), "EUR".into())]) },
        Authority::Clock { resolution: some },
        Authority::Random { bytes_max: kib },
        Authority::Logging { bytes_max: kib },
        Authority::Notes { bytes_max: kib },
        Authority::Http(http()?),
        Authority::Inference(inference()),
    ];
    let names = ["accounts", "settings", "clock", "random", "logging", "notes", "crm", "model"];
    let grant = |(name, authority)| Grant { name: fixed(name), rule: fixed(name), authority };
    Ok(names.into_iter().zip(authorities).map(grant).collect())
}

fn http() -> Result<HttpGrant> {
    Ok(HttpGrant {
        target: "https://crm.example/v1/".parse()?,
        methods: [Method::Get].into(),
        addresses: Vec::new(),
        inject: Vec::new(),
        vouched_by: None,
        calls_max: 3,
        sent_max: Bytes(1 << 10),
        received_max: Bytes(1 << 10),
        hosts_max: 1,
    })
}

const fn inference() -> InferenceGrant {
    InferenceGrant {
        tier: Tier::Local,
        calls_max: 3,
        tokens_max: 1_000,
        money_max: None,
        answered_by: Vec::new(),
    }
}
