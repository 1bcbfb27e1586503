//! What people had approved when a file was made. It stands beside the log, so nothing of it is more than what somebody says;
//! but what is said can be held against what ran: the bytes, what they were granted, and until when.

use crate::report::instant;
use serde_json::Value;

/// Approvals as the text says them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Approvals {
    approved: Vec<Approved>,
    /// The bytes whose approval was taken back.
    revoked: Vec<String>,
}

/// One approval of a skill.
#[derive(Debug, Default, PartialEq, Eq)]
struct Approved {
    component: String,
    /// What it may be granted, one line each, sorted.
    grants: Vec<String>,
    expires: Option<String>,
}

/// What an approval comes to for a component that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// It was in force, and of what was granted.
    Approved,
    /// It was in force, and lets it be granted something else.
    OtherGrants,
    /// It had run out when a run began.
    Expired,
    /// It is taken back by now.
    Revoked,
    /// There is none.
    None,
}

impl Approvals {
    /// Reads the tables and keys that are looked at; a line that is none of them says nothing.
    pub(crate) fn read(text: &str) -> Self {
        let (mut approvals, mut table, mut in_grants) = (Self::default(), "", false);
        for line in text.lines() {
            if line.starts_with('[') {
                (table, in_grants) = (line.trim_end(), false);
                if table == "[[skill]]" {
                    approvals.approved.push(Approved::default());
                }
                continue;
            }
            let last = approvals.approved.last_mut().filter(|_| table == "[[skill]]");
            match (line.split_once(" = "), last) {
                (Some(("component", text)), None) if table == "[[revoked]]" => {
                    approvals.revoked.extend(unquoted(text));
                }
                (Some(("component", text)), Some(last)) => {
                    last.component = unquoted(text).unwrap_or_default()
                }
                (Some(("expires", text)), Some(last)) => {
                    last.expires = Some(unquoted(text).unwrap_or_default())
                }
                (Some(("grants", text)), Some(last)) => {
                    in_grants = text.trim_end() == "[";
                    // Nothing that approving writes stands on the line of the key but an empty list.
                    let other = !in_grants && text.trim_end() != "[]";
                    last.grants.extend(other.then(String::new));
                }
                (_, Some(_)) if line.trim_end() == "]" => in_grants = false,
                (_, Some(last)) if in_grants => {
                    let line = line.trim().trim_end_matches(',');
                    last.grants.push(unquoted(line).unwrap_or_default());
                }
                _ => {}
            }
        }
        approvals
    }

    /// How bytes stand that were granted this when a run began.
    pub(crate) fn standing(&self, component: &str, grants: &[Value], began: u64) -> Standing {
        let approvals = self.approved.iter().filter(|it| it.component == component);
        let standings = approvals.map(|it| match &it.expires {
            _ if self.revoked.iter().any(|revoked| revoked == component) => Standing::Revoked,
            Some(expires) if !is_after(expires, began) => Standing::Expired,
            _ if grants.iter().all(|grants| it.covers(grants)) => Standing::Approved,
            _ => Standing::OtherGrants,
        });
        standings.min().unwrap_or(Standing::None)
    }
}

impl Approved {
    /// Whether each part of what a call was granted stands among what was approved, word for word. A directory is approved
    /// as it lies below the project, and granted as it lies on the machine.
    fn covers(&self, grants: &Value) -> bool {
        let list = |key| grants.get(key).and_then(Value::as_array).into_iter().flatten();
        let inert = list("inert").map(|it| it.as_str().map(|it| format!("inert {it}")));
        let lines = list("grants").map(line).chain(inert);
        lines.into_iter().all(|line| line.is_some_and(|line| self.grants.iter().any(|it| is_line(it, &line))))
    }
}

/// A grant as approving writes it: `KIND NAME by RULE: KEY=VALUE …`.
fn line(grant: &Value) -> Option<String> {
    let authority = grant.get("authority")?.as_object()?;
    let text = |of: &Value, key| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let (kind, name, rule) = (authority.get("kind")?.as_str()?, text(grant, "name")?, text(grant, "rule")?);
    let parts = authority.iter().filter(|(key, _)| key.as_str() != "kind");
    let parts: Vec<String> = parts.map(|(key, value)| format!("{key}={value}")).collect();
    Some(format!("{kind} {name} by {rule}: {}", parts.join(" ")))
}

/// Whether an approved line is that one, its directory below wherever the project lies.
fn is_line(approved: &str, granted: &str) -> bool {
    if approved == granted {
        return true;
    }
    let Some((before, below)) = approved.split_once(" root=\".") else { return false };
    let Some((start, root)) = granted.split_once(" root=\"") else { return false };
    start == before && root.starts_with('/') && root.ends_with(below)
}

/// A text as it is quoted in TOML, whole.
fn unquoted(text: &str) -> Option<String> {
    let text = text.trim();
    let within = |quote: &str| text.strip_prefix(quote)?.strip_suffix(quote);
    match (within("'''"), within("'")) {
        (Some(plain), _) | (None, Some(plain)) => Some(plain.to_owned()),
        (None, None) => serde_json::from_str(text).ok(),
    }
}

/// Whether an instant, `2026-11-21T08:44:24Z` or a day alone, is after one in milliseconds. What is none is before all.
fn is_after(text: &str, at: u64) -> bool {
    let is_day = text.len() >= 10 && text.bytes().take(4).all(|byte| byte.is_ascii_digit());
    let whole = if text.len() == 10 { format!("{text}T00:00:00") } else { text.to_owned() };
    is_day && whole.get(..19).is_some_and(|text| text > instant(at).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TEXT: &str = "version = 1\nlocked = true\n\n[[skill]]\nname = \"a:b\"\ncomponent = \"sha256:1\"\ngrants = [\n  \
        'files out by letters: access=\"write\" root=\"./out\"',\n]\nlimits = \"\"\nexpires = \"2027-01-01T00:00:00Z\"\n";
    const BEGAN: u64 = 1_795_277_232_858;

    fn granted(root: &str, access: &str) -> Vec<Value> {
        let authority = json!({ "kind": "files", "root": root, "access": access });
        vec![json!({ "grants": [{ "name": "out", "rule": "letters", "authority": authority }] })]
    }

    fn standing(text: &str, grants: &[Value]) -> Standing {
        Approvals::read(text).standing("sha256:1", grants, BEGAN)
    }

    #[test]
    fn an_approval_is_of_what_ran_with_what_it_was_granted_while_it_was_in_force() {
        let fits = granted("/home/ada/out", "write");
        assert_eq!(standing(TEXT, &fits), Standing::Approved);
        assert_eq!(standing(TEXT, &[json!({ "grants": [] })]), Standing::Approved);
        assert_eq!(standing(TEXT, &granted("/home/ada/out", "read-write")), Standing::OtherGrants);
        assert_eq!(standing(TEXT, &granted("/home/ada/other", "write")), Standing::OtherGrants);
        assert_eq!(
            standing(TEXT, &[json!({ "grants": [], "inert": ["wasi:sockets"] })]),
            Standing::OtherGrants
        );
        assert_eq!(standing(&TEXT.replace("2027-01-01T00:00:00Z", "2001-01-01"), &fits), Standing::Expired);
        assert_eq!(standing(&TEXT.replace("2027-01-01T00:00:00Z", "never"), &fits), Standing::Expired);
        let revoked = format!("{TEXT}\n[[revoked]]\nname = \"a:b\"\ncomponent = \"sha256:1\"\n");
        assert_eq!(standing(&revoked, &fits), Standing::Revoked);
        assert_eq!(standing(&TEXT.replace("sha256:1", "sha256:2"), &fits), Standing::None);
        assert_eq!(standing("# [[skill]] component = \"sha256:1\"\n", &fits), Standing::None);
        let short = TEXT.replace("grants = [\n", "grants = [\"files / read-write\"]\n");
        assert_eq!(standing(&short, &fits), Standing::OtherGrants);
    }
}
