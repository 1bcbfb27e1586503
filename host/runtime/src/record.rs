//! The record an attempt is answered from when it is done again: what crossed then, in order, and what it names.
//!
//! An answer is given only to who asks the same thing at the same place. The first question that is another one is
//! where the attempt departs, and ends it: whatever came after would rest on answers to other questions.

use crate::crossings::{Ask, Reply};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kapell_model::crossing::{Answer, Asked, Crossing, Departure};
use kapell_model::digest::Digest;
use kapell_model::seam::HostFault;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What crossed in an attempt.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The crossings, in the order the guest made them.
    pub crossings: Vec<Crossing>,
    /// What they name by digest.
    pub contents: BTreeMap<Digest, Arc<[u8]>>,
}

/// The attempt asked for something else than the record has; host functions return it as the error that ends the
/// guest. Where it departed stands with what it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the attempt departed from its record")]
pub(crate) struct Departed;

/// A record on its way through an attempt.
#[derive(Clone, Debug)]
pub(crate) struct Recalled {
    record: Arc<Record>,
    place: usize,
    departure: Option<Departure>,
}

impl Recalled {
    pub(crate) fn new(record: Arc<Record>) -> Self {
        Self { record, place: 0, departure: None }
    }

    /// What was answered next then.
    pub(crate) fn upcoming(&self) -> Option<&Crossing> {
        self.record.crossings.get(self.place)
    }

    /// The next crossing, if it is what is asked for now; only one that sends something has `sends`.
    pub(crate) fn answer(&mut self, ask: &Ask<'_>, sends: Option<Digest>) -> Result<Crossing, Departed> {
        let known = self.record.crossings.get(self.place).filter(|it| is_same(it, ask, sends)).cloned();
        match known {
            Some(crossing) => {
                self.place += 1;
                Ok(crossing)
            }
            None => Err(self.depart(ask, sends, None)),
        }
    }

    /// The next crossing, if the host refused the same thing with the same code then.
    pub(crate) fn refusal(&mut self, ask: &Ask<'_>, code: &str) -> Result<Crossing, Departed> {
        let is_refused = |it: &&Crossing| matches!(&it.answer, Answer::Refused(was) if was == code);
        let known = self.upcoming().filter(|it| is_same(it, ask, None)).filter(is_refused).cloned();
        match known {
            Some(crossing) => {
                self.place += 1;
                Ok(crossing)
            }
            None => Err(self.depart(ask, None, Some(code))),
        }
    }

    fn depart(&mut self, ask: &Ask<'_>, sends: Option<Digest>, refused: Option<&str>) -> Departed {
        let asked = Asked {
            kind: ask.kind,
            call: ask.call.to_owned(),
            object: ask.object.to_owned(),
            sends,
            refused: refused.map(str::to_owned),
        };
        self.departs(Some(asked));
        Departed
    }

    fn departs(&mut self, asked: Option<Asked>) {
        let recorded = self.upcoming().map(Asked::from);
        let crossing = self.place + 1;
        self.departure.get_or_insert(Departure { crossing, recorded, asked });
    }

    /// Where the attempt departed; one that ended before its record did departs there.
    pub(crate) fn departure(mut self) -> Option<Departure> {
        if self.upcoming().is_some() {
            self.departs(None);
        }
        self.departure
    }

    /// A content by its digest.
    ///
    /// # Errors
    /// When it is not kept.
    pub(crate) fn content(&self, digest: &Digest) -> Result<Arc<[u8]>, HostFault> {
        self.record.contents.get(digest).cloned().ok_or_else(|| HostFault {
            doing: "answer from the record".into(),
            cause: format!("the content {digest} is not kept"),
        })
    }

    /// What a capability made of an answer before it was written down.
    ///
    /// # Errors
    /// When the record is damaged: no capability that asks for a reply ever records such an answer.
    pub(crate) fn reply(&self, answer: Answer) -> Result<Reply, HostFault> {
        let damaged = |cause: String| HostFault { doing: "answer from the record".into(), cause };
        Ok(match answer {
            Answer::Number(text) => Reply::Number(
                text.parse().map_err(|_| damaged(format!("`{text}` is no number of the record's")))?,
            ),
            Answer::Text(text) => Reply::Text(text),
            Answer::Bytes(text) => Reply::Bytes(
                STANDARD
                    .decode(text)
                    .map_err(|cause| damaged(format!("bytes of the record: {cause}")))?
                    .into(),
            ),
            Answer::Content(digest) => Reply::Content(self.content(&digest)?),
            Answer::Names(names) => Reply::Names(names),
            Answer::Absent => Reply::Absent,
            other => return Err(damaged(format!("{other:?} answers nothing that was asked"))),
        })
    }
}

fn is_same(crossing: &Crossing, ask: &Ask<'_>, sends: Option<Digest>) -> bool {
    // What failed before an answer came says nothing of what was sent.
    let sent = crossing.answer.sent().is_none_or(|sent| Some(*sent) == sends);
    crossing.kind == ask.kind && crossing.call == ask.call && crossing.object == ask.object && sent
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use kapell_model::capability::Kind;

    const NOW: Ask<'static> = Ask { kind: Kind::Clock, call: "now", object: "", rule: None };
    const KEY: Ask<'static> = Ask { kind: Kind::Keyvalue, call: "get", object: "crm/acme", rule: None };

    fn crossing(ask: &Ask<'_>, answer: Answer) -> Crossing {
        let (call, object) = (ask.call.into(), ask.object.into());
        Crossing { kind: ask.kind, call, object, answer, rule: None, redacted: false }
    }

    fn recalled(crossings: Vec<Crossing>) -> Recalled {
        Recalled::new(Arc::new(Record { crossings, contents: BTreeMap::new() }))
    }

    fn told(departure: Option<Departure>) -> String {
        let departure = departure.unwrap();
        let say = |asked: Option<Asked>| asked.map_or("nothing".into(), |asked| asked.to_string());
        format!("{}: {} -> {}", departure.crossing, say(departure.recorded), say(departure.asked))
    }

    #[test]
    fn who_asks_the_same_in_the_same_order_is_answered_and_departs_nowhere() {
        let mut record = recalled(vec![
            crossing(&NOW, Answer::Number("7".into())),
            crossing(&KEY, Answer::Refused("access-denied".into())),
        ]);
        let first = record.answer(&NOW, None).unwrap();
        assert_eq!(record.reply(first.answer).unwrap(), Reply::Number(7));
        assert!(record.refusal(&KEY, "access-denied").is_ok());
        assert_eq!(record.departure(), None);
    }

    #[test]
    fn the_first_other_question_is_where_it_departs() {
        let mut record = recalled(vec![crossing(&NOW, Answer::Number("7".into()))]);
        assert!(record.answer(&KEY, None).is_err());
        assert!(record.answer(&NOW, None).is_ok(), "whoever goes on all the same changes nothing");
        assert_eq!(told(record.departure()), "1: clock now -> keyvalue get crm/acme");
    }

    #[test]
    fn asking_for_more_or_for_less_departs() {
        let mut more = recalled(Vec::new());
        assert!(more.answer(&NOW, None).is_err());
        assert_eq!(told(more.departure()), "1: nothing -> clock now");
        let less = recalled(vec![crossing(&NOW, Answer::Number("7".into()))]);
        assert_eq!(told(less.departure()), "1: clock now -> nothing");
    }

    #[test]
    fn another_code_and_an_answer_instead_of_a_refusal_depart() {
        let refused = || recalled(vec![crossing(&KEY, Answer::Refused("access-denied".into()))]);
        let mut other = refused();
        assert!(other.refusal(&KEY, "no-such-store").is_err());
        assert_eq!(
            told(other.departure()),
            "1: keyvalue get crm/acme, refused with access-denied -> keyvalue get crm/acme, refused with no-such-store"
        );
        let mut answered = recalled(vec![crossing(&KEY, Answer::Absent)]);
        assert!(answered.refusal(&KEY, "access-denied").is_err());
    }

    #[test]
    fn what_is_sent_must_be_what_was_sent() {
        let exchange = |request| {
            let body = Digest::of(b"ok");
            let address = std::net::Ipv4Addr::LOCALHOST.into();
            let (headers, redacted) = (Vec::new(), false);
            let exchange = kapell_model::crossing::Exchange {
                address,
                sent: 1,
                received: 2,
                request,
                status: 200,
                headers,
                body,
                redacted,
            };
            Answer::Exchange(Box::new(exchange))
        };
        let ask = Ask { kind: Kind::Http, call: "post", object: "https://a.example/", rule: None };
        let (one, other) = (Digest::of(b"1"), Digest::of(b"2"));
        assert!(recalled(vec![crossing(&ask, exchange(one))]).answer(&ask, Some(one)).is_ok());
        assert!(recalled(vec![crossing(&ask, exchange(one))]).answer(&ask, Some(other)).is_err());
    }

    #[test]
    fn a_damaged_record_is_the_hosts_trouble_and_no_answer() {
        let record = recalled(Vec::new());
        assert!(record.reply(Answer::Number("many".into())).is_err());
        assert!(record.reply(Answer::Bytes("*".into())).is_err());
        assert!(record.reply(Answer::Done).is_err());
        assert!(record.reply(Answer::Content(Digest::of(b"gone"))).is_err());
    }
}
