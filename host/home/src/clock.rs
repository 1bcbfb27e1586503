//! The system's clock, behind the seam.

use kapell_model::quantity::Timestamp;
use kapell_model::seam::Clock;
use std::time::{SystemTime, UNIX_EPOCH};

/// The system's wall clock. A clock set before 1970 reads as 1970: nothing of ours may break by it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or_default())
    }
}
