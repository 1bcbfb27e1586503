//! Writing `skills.lock`.

use super::line::{grant_lines, limits_line};
use super::{Approval, AskedFlow, Lock, LockedFlow, LockedSkill, Revoked, RevokedFlow};
use crate::plan::SkillPin;
use crate::quantity::Timestamp;
use std::fmt::Write as _;
use std::path::Path;

const HEAD: &str = "\
# What people approved for this project. `kapell skills approve` and `kapell skills revoke` write it; keep it with
# policy.toml. `kapell lock --check` tells whether it still says what is so.
version = 1
";

/// The whole text.
pub(super) fn lock(lock: &Lock, folder: &Path) -> String {
    let mut text = format!("{HEAD}locked = {}\n", lock.locked);
    lock.skills.iter().for_each(|it| skill(&mut text, it, folder));
    lock.revoked.iter().for_each(|it| revoked(&mut text, it));
    lock.flows.iter().for_each(|it| flow(&mut text, it));
    lock.revoked_flows.iter().for_each(|it| revoked_flow(&mut text, it));
    lock.asked.iter().for_each(|it| asked(&mut text, it));
    text
}

fn flow(text: &mut String, it: &LockedFlow) {
    text.push_str("\n[[flow]]\n");
    said(text, "name", it.name.as_str());
    said(text, "version", &it.version);
    text.push_str("means = [");
    it.meaning.lines().iter().for_each(|line| text.push_str(&format!("\n  {},", quoted(line))));
    text.push_str("\n]\n");
    approval(text, &it.approval);
}

fn asked(text: &mut String, it: &AskedFlow) {
    text.push_str("\n[[asked]]\n");
    said(text, "flow", it.name.as_str());
    said(text, "meaning", &it.meaning.to_string());
    said(text, "asked-by", &it.by);
    said(text, "asked-at", &it.at.to_string());
}

fn skill(text: &mut String, it: &LockedSkill, folder: &Path) {
    text.push_str("\n[[skill]]\n");
    pin(text, &it.pin);
    said(text, "shape", &it.shape.to_string());
    text.push_str("grants = [");
    let lines = grant_lines(&it.grants, folder);
    lines.iter().for_each(|line| text.push_str(&format!("\n  {},", quoted(line))));
    text.push_str(if lines.is_empty() { "]\n" } else { "\n]\n" });
    said(text, "limits", &limits_line(&it.limits));
    approval(text, &it.approval);
}

/// The keys every approval has, of whatever it is.
pub(super) fn approval(text: &mut String, it: &Approval) {
    said(text, "shown", &it.shown.to_string());
    said(text, "approved-by", &it.by);
    said(text, "approved-at", &it.at.to_string());
    it.expires.iter().for_each(|at| said(text, "expires", &at.to_string()));
    it.reason.iter().for_each(|reason| said(text, "reason", reason));
}

fn revoked(text: &mut String, it: &Revoked) {
    text.push_str("\n[[revoked]]\n");
    pin(text, &it.pin);
    revocation(text, &it.by, it.at, it.reason.as_deref());
}

fn revoked_flow(text: &mut String, it: &RevokedFlow) {
    text.push_str("\n[[revoked-flow]]\n");
    said(text, "name", it.name.as_str());
    revocation(text, &it.by, it.at, it.reason.as_deref());
}

/// The keys every revocation has, of whatever it is.
fn revocation(text: &mut String, by: &str, at: Timestamp, reason: Option<&str>) {
    said(text, "revoked-by", by);
    said(text, "revoked-at", &at.to_string());
    reason.iter().for_each(|reason| said(text, "reason", reason));
}

fn pin(text: &mut String, pin: &SkillPin) {
    said(text, "name", pin.name.as_str());
    said(text, "version", &pin.version.to_string());
    said(text, "component", &pin.component.to_string());
}

/// One key with a text.
pub(super) fn said(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key} = {}", quoted(value));
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}
