//! Consent of the person at the terminal: what is approved is what was on their screen, and nothing but a yes is a yes.

use crate::output;
use crate::session::Session;
use kapell_home::{HomeError, Kind};
use std::fmt::Display;

/// Something to be shown to the person who decides.
pub(crate) struct Shown {
    /// What it is called in the question.
    pub(crate) name: String,
    /// All of it.
    pub(crate) text: String,
    /// The digest of it.
    pub(crate) digest: String,
}

/// What the person was shown and said yes to, by its digest; none when they do not approve. What `--shown` names is
/// taken at its word; where nobody can be asked, it has to be named.
pub(crate) fn consent(
    session: &Session,
    named: Option<&str>,
    what: &dyn Display,
    show: impl FnOnce() -> Result<Shown, HomeError>,
) -> anyhow::Result<Option<String>> {
    let seen = !session.json && output::is_conversation() && output::data_to_terminal();
    let read = format!("{} review {what}", session.program);
    let agreed = decide(named, seen, &read, show, |shown| {
        output::data(&shown.text);
        let question = format!("Approve {} exactly as shown?", shown.name);
        crate::ask::agreed(&question)
    })?;
    if agreed.is_none() {
        output::talk("nothing was approved");
    }
    Ok(agreed)
}

/// `seen` says whether a person sees what is shown and can answer; `ask` shows it to them.
fn decide(
    named: Option<&str>,
    seen: bool,
    read: &str,
    show: impl FnOnce() -> Result<Shown, HomeError>,
    ask: impl FnOnce(&Shown) -> anyhow::Result<Option<bool>>,
) -> anyhow::Result<Option<String>> {
    if let Some(named) = named {
        return Ok(Some(named.to_owned()));
    }
    if !seen {
        let hint = format!("read `{read}` and add --shown with the digest on its last line");
        return Err(HomeError::new(Kind::Argument, "say what was shown to you").hint(hint).into());
    }
    let shown = show()?;
    Ok((ask(&shown)? == Some(true)).then_some(shown.digest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn shown() -> Result<Shown, HomeError> {
        Ok(Shown { name: "acme:crm 1.0.0".into(), text: "all of it".into(), digest: "sha256:ab".into() })
    }

    fn said(answer: Option<bool>) -> Option<String> {
        let ask = |shown: &Shown| {
            assert_eq!((shown.name.as_str(), shown.text.as_str()), ("acme:crm 1.0.0", "all of it"));
            Ok(answer)
        };
        decide(None, true, "kapell review acme:crm", shown, ask).unwrap()
    }

    #[test]
    fn only_a_yes_to_what_is_on_the_screen_is_consent_to_it() {
        assert_eq!(said(Some(true)).as_deref(), Some("sha256:ab"));
        assert_eq!(said(Some(false)), None);
        assert_eq!(said(None), None, "whoever leaves has not said yes");
    }

    #[test]
    fn where_nobody_sees_it_what_was_shown_has_to_be_named_and_nobody_is_asked() {
        let nobody =
            |named| decide(named, false, "kapell review acme:crm", || panic!("shown"), |_| panic!("asked"));
        assert_eq!(nobody(Some("ab")).unwrap().as_deref(), Some("ab"));
        let refused = nobody(None).unwrap_err();
        let refused = refused.downcast_ref::<HomeError>().unwrap();
        assert_eq!(refused.message, "say what was shown to you");
        let hint = "read `kapell review acme:crm` and add --shown with the digest on its last line";
        assert_eq!(refused.hint.as_deref(), Some(hint));
    }

    #[test]
    fn what_can_not_be_shown_is_not_asked_about() {
        let gone = || Err(HomeError::new(Kind::NotFound, "there is no such skill"));
        assert!(decide(None, true, "", gone, |_| panic!("asked")).is_err());
    }
}
