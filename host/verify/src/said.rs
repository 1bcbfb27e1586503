//! What the body of an entry says where something is held against it.

use crate::canonical::{Seen, unescaped};
use crate::digest::{self, Hash};
use std::borrow::Cow;

/// How many values a body has room for at once; most have fewer.
const ROOM: usize = 20;

/// A part of a body that something is held against. What a skill said and what a decision saw is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Asking,
    Attempt,
    By,
    Condition,
    Effects,
    Ending,
    EndingOutput,
    EndingRefusal,
    EndingSkillError,
    EndingTrap,
    Engine,
    EscalateAt,
    ExpireAt,
    Flow,
    From,
    Held,
    Lane,
    MetersBytes,
    MetersCrossings,
    MetersFuel,
    MetersInference,
    MetersMemoryPeak,
    Minutes,
    Money,
    Most,
    Operation,
    Outputs,
    People,
    Per,
    Policy,
    Purpose,
    Reason,
    ReceiptComponent,
    ReceiptGrant,
    ReceiptMoney,
    ReceiptTariff,
    RemindAt,
    Role,
    Rung,
    Settles,
    SkillComponent,
    SkillName,
    SkillVersion,
    State,
    Step,
    Tariff,
    Text,
    To,
    Verdict,
    Version,
}

impl Part {
    /// The part at some keys below the kind.
    fn of(keys: &[&str]) -> Option<Self> {
        Some(match keys {
            [key] => Self::whole(key)?,
            ["ending", "output"] => Part::EndingOutput,
            ["ending", "refusal"] => Part::EndingRefusal,
            ["ending", "skill-error"] => Part::EndingSkillError,
            ["ending", "trap"] => Part::EndingTrap,
            ["receipt", "component"] => Part::ReceiptComponent,
            ["receipt", "grant"] => Part::ReceiptGrant,
            ["receipt", "money"] => Part::ReceiptMoney,
            ["receipt", "tariff"] => Part::ReceiptTariff,
            ["receipt", "meters", "fuel"] => Part::MetersFuel,
            ["receipt", "meters", "inference"] => Part::MetersInference,
            ["receipt", "meters", "memory_peak"] => Part::MetersMemoryPeak,
            ["receipt", "meters", "bytes_in" | "bytes_out" | "bytes_read" | "bytes_written"] => {
                Part::MetersBytes
            }
            ["receipt", "meters", "crossings", _] => Part::MetersCrossings,
            ["skill", "component"] => Part::SkillComponent,
            ["skill", "name"] => Part::SkillName,
            ["skill", "version"] => Part::SkillVersion,
            _ => return None,
        })
    }

    /// The part that all of a member is.
    fn whole(key: &str) -> Option<Self> {
        Some(match key {
            "asking" => Part::Asking,
            "attempt" => Part::Attempt,
            "by" => Part::By,
            "condition" => Part::Condition,
            "effects" => Part::Effects,
            "ending" => Part::Ending,
            "engine" => Part::Engine,
            "escalate_at" => Part::EscalateAt,
            "expire_at" => Part::ExpireAt,
            "flow" => Part::Flow,
            "from" => Part::From,
            "held" => Part::Held,
            "lane" => Part::Lane,
            "minutes" => Part::Minutes,
            "money" => Part::Money,
            "most" => Part::Most,
            "operation" => Part::Operation,
            "outputs" => Part::Outputs,
            "people" => Part::People,
            "per" => Part::Per,
            "policy" => Part::Policy,
            "purpose" => Part::Purpose,
            "reason" => Part::Reason,
            "remind_at" => Part::RemindAt,
            "role" => Part::Role,
            "rung" => Part::Rung,
            "settles" => Part::Settles,
            "state" => Part::State,
            "step" => Part::Step,
            "tariff" => Part::Tariff,
            "text" => Part::Text,
            "to" => Part::To,
            "verdict" => Part::Verdict,
            "version" => Part::Version,
            _ => return None,
        })
    }
}

/// The values of a body that are heard, in their order. What stands in a list is of the part the list is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said<'a>(Vec<(Part, Seen<'a>)>);

impl<'a> Said<'a> {
    /// One more value, by the keys below the kind.
    pub(crate) fn put(&mut self, keys: &[&str], seen: Seen<'a>) {
        let Some(part) = Part::of(keys) else { return };
        if self.0.is_empty() {
            self.0.reserve(ROOM);
        }
        self.0.push((part, seen));
    }

    fn at(&self, part: Part) -> impl Iterator<Item = Seen<'a>> {
        self.0.iter().filter(move |(other, _)| *other == part).map(|(_, seen)| *seen)
    }

    /// The text of a part as it is written, escapes and all.
    pub(crate) fn raw(&self, part: Part) -> Option<&'a str> {
        self.raws(part).next()
    }

    fn raws(&self, part: Part) -> impl Iterator<Item = &'a str> {
        self.at(part).filter_map(|seen| match seen {
            Seen::Text(text) => Some(text),
            _ => None,
        })
    }

    /// The text of a part.
    pub(crate) fn text(&self, part: Part) -> Option<Cow<'a, str>> {
        self.raw(part).map(unescaped)
    }

    /// The text of a part, empty where there is none.
    pub(crate) fn word(&self, part: Part) -> Cow<'a, str> {
        self.text(part).unwrap_or_default()
    }

    /// The texts of a list.
    pub(crate) fn texts(&self, part: Part) -> Vec<String> {
        self.raws(part).map(|text| unescaped(text).into_owned()).collect()
    }

    /// The whole numbers of a part.
    fn numbers(&self, part: Part) -> impl Iterator<Item = u64> {
        self.at(part).filter_map(|seen| match seen {
            Seen::Number(digits) => digits.parse().ok(),
            _ => None,
        })
    }

    pub(crate) fn number(&self, part: Part) -> Option<u64> {
        self.numbers(part).next()
    }

    /// What the numbers of a part come to.
    pub(crate) fn sum(&self, part: Part) -> u64 {
        self.numbers(part).fold(0, u64::saturating_add)
    }

    /// Whether `true` stands there.
    pub(crate) fn is_true(&self, part: Part) -> bool {
        self.at(part).any(|seen| seen == Seen::Word("true"))
    }

    /// Whether anything stands there.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.at(part).next().is_some()
    }

    pub(crate) fn hash(&self, part: Part) -> Option<Hash> {
        digest::named(self.raw(part)?)
    }
}
