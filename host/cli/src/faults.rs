//! What happens at fault points, where this build has them, which only that of the tests does: an environment variable says
//! at which of them the program dies, finds the disk full or broken, or writes down that it was there.
//!
//! `die POINT 3` dies when the point is reached for the third time, as with `kill -9`; `full POINT 3` finds no room there
//! from the third time on, `broken POINT 3` an input/output error; `trace FILE` writes every point that is reached into a
//! file, a line each.

use kapell_model::fault::{self, FaultPoint, Struck};
use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

const VARIABLE: &str = "KAPELL_FAULT";

/// Arms what the environment says.
pub(crate) fn arm() -> anyhow::Result<()> {
    if fault::COMPILED_IN
        && let Ok(said) = env::var(VARIABLE)
    {
        let struck = struck(&said).ok_or_else(|| anyhow::anyhow!("{VARIABLE}: `{said}` says nothing"))?;
        fault::arm(struck);
    }
    Ok(())
}

fn struck(said: &str) -> Option<Struck> {
    let (what, rest) = said.split_once(' ')?;
    if what == "trace" {
        let file = OpenOptions::new().append(true).create(true).open(rest).ok()?;
        // In one piece: points are reached by several threads at once.
        return Some(Box::new(move |point| (&file).write_all(format!("{point:?}\n").as_bytes())));
    }
    let (point, time) = rest.split_once(' ')?;
    let point = FaultPoint::ALL.into_iter().find(|it| format!("{it:?}") == point)?;
    let (time, times) = (time.parse::<u64>().ok()?, AtomicU64::new(0));
    let strikes = move |reached| reached == point && times.fetch_add(1, Ordering::Relaxed) + 1 >= time;
    Some(match what {
        "die" => Box::new(move |reached| if strikes(reached) { std::process::abort() } else { Ok(()) }),
        "full" => refusing(strikes, io::ErrorKind::StorageFull),
        "broken" => refusing(strikes, io::ErrorKind::Other),
        _ => return None,
    })
}

fn refusing(strikes: impl Fn(FaultPoint) -> bool + Send + Sync + 'static, kind: io::ErrorKind) -> Struck {
    Box::new(move |reached| if strikes(reached) { Err(io::Error::from(kind)) } else { Ok(()) })
}
