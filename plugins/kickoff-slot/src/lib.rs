//! Finds the first free slot for a kickoff and writes it as a calendar file.
//!
//! Told from the top: [`request`] reads what is asked, [`search`] finds the slot, [`calendar`] puts it into the
//! words of RFC 5545, and this file writes the result. It never reads a clock, a time zone or a file, and it
//! never invites anybody: the file is a proposal.

mod calendar;
mod request;
mod search;

use bindings::exports::kapell::kickoff_slot::slots::{Busy, Guest, Hours, Meeting, Slot, SlotError};
use request::Request;

/// Where the granted directory stands: under the capability's name.
const OUT: &str = "/out";

kapell_sdk::skill!(KickoffSlot);

struct KickoffSlot;

impl Guest for KickoffSlot {
    fn propose(
        meeting: Meeting,
        first_day: String,
        hours: Hours,
        busy: Vec<Busy>,
        written: String,
    ) -> Result<Slot, SlotError> {
        let request = Request::read(meeting, &first_day, &hours, &busy, &written)?;
        let (slot, calendar) = propose(&request)?;
        std::fs::write(format!("{OUT}/{}", slot.file), calendar)
            .map_err(|error| SlotError::WriteFailed(format!("write `{}`: {error}", slot.file)))?;
        Ok(slot)
    }
}

/// The slot and the text of its file; everything but the writing.
fn propose(request: &Request) -> Result<(Slot, String), SlotError> {
    let found = search::first_free(request)?;
    let calendar = calendar::write(request, &found);
    let slot = Slot {
        start: request.local(found.start),
        end: request.local(found.end),
        file: format!("{}.ics", request.name),
        bytes: calendar.len() as u64,
    };
    Ok((slot, calendar))
}
