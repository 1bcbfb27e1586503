//! Lends completions of a model by tier (`kapell:skill/inference`), answered by whichever provider the operator named
//! for it. Never lends the provider's name for a key, an address or a stream, and never asks anybody before the
//! worst the call could cost fits what is left of the grant.
//!
//! Prompt and answer are kept beside the record, so that the same answer can be given again without asking.

use super::bindings::kapell::skill::inference::{self, Completion as Told, Failure as No, Request};
use super::{Lends, Lent, unfit};
use crate::crossings::{Ask, one_line};
use kapell_model::capability::Kind;
use kapell_model::crossing::{self, Completion, Counted, Failure};
use kapell_model::grant::{Authority, GrantSet};
use kapell_model::id::RuleId;
use kapell_model::inference::{InferenceGrant, Tier, tokens_in_at_most};
use kapell_model::money::Money;
use kapell_model::seam::{Completed, CompletionFailure, Egress, HostFault, Prompt};
use std::collections::BTreeMap;
use std::sync::Arc;
use wasmtime::component::Linker;

/// The completions of one attempt.
pub struct InferenceCtx {
    egress: Arc<dyn Egress>,
    tiers: Vec<Granted>,
}

impl std::fmt::Debug for InferenceCtx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InferenceCtx").field("tiers", &self.tiers).finish_non_exhaustive()
    }
}

/// A granted tier and what was spent on it so far.
#[derive(Debug)]
struct Granted {
    rule: RuleId,
    grant: InferenceGrant,
    calls: u64,
    tokens: u64,
    /// What is left; none when no price is to be paid at all.
    money: Option<Money>,
}

impl InferenceCtx {
    /// The tiers as granted.
    #[must_use]
    pub fn new(grants: &GrantSet, egress: Arc<dyn Egress>) -> Self {
        let tiers = grants.grants.iter().filter_map(|grant| match &grant.authority {
            Authority::Inference(inference) => Some(Granted {
                rule: grant.rule.clone(),
                grant: inference.clone(),
                calls: 0,
                tokens: 0,
                money: inference.money_max.clone(),
            }),
            _ => None,
        });
        Self { egress, tiers: tiers.collect() }
    }
}

/// Why a model was not asked, and the rule that says so, if it is one.
struct Refused {
    rule: Option<RuleId>,
    told: No,
}

impl InferenceCtx {
    /// The tier a request is for, with the call counted against it.
    fn admit(&mut self, tier: Tier, request: &Request) -> Result<&mut Granted, Refused> {
        let granted = self.tiers.iter_mut().find(|granted| granted.grant.tier == tier);
        let Some(granted) = granted else {
            return Err(Refused { rule: None, told: No::Denied(format!("the tier {tier} is not granted")) });
        };
        let told = match () {
            () if request.prompt.is_empty() => No::Denied("there is no prompt".into()),
            () if request.most_tokens == 0 => No::Denied("an answer has one token at least".into()),
            () if granted.calls >= granted.grant.calls_max => No::Budget("calls".into()),
            () if at_worst(request) > granted.tokens_left() => No::Budget("tokens".into()),
            () => {
                granted.calls += 1;
                return Ok(granted);
            }
        };
        Err(Refused { rule: Some(granted.rule.clone()), told })
    }
}

/// Most tokens a request could take, prompt and answer.
fn at_worst(request: &Request) -> u64 {
    let bytes = (request.system.len() + request.prompt.len()) as u64;
    tokens_in_at_most(bytes).saturating_add(request.most_tokens.into())
}

impl Granted {
    fn tokens_left(&self) -> u64 {
        self.grant.tokens_max.saturating_sub(self.tokens)
    }

    /// Takes off what a call on record cost.
    fn settle_then(&mut self, answer: &crossing::Answer) {
        match answer {
            crossing::Answer::Completion(record) => self.settle(tokens(record), &record.money),
            crossing::Answer::Failed(failure) => {
                if let Some(money) = &failure.money {
                    self.settle(failure.tokens.unwrap_or(0), money);
                }
            }
            _ => {}
        }
    }

    /// Takes what a call cost off what is left. A price in another currency can't be taken off anything, so nothing is
    /// left then.
    fn settle(&mut self, tokens: u64, paid: &Money) {
        self.tokens = self.tokens.saturating_add(tokens);
        if let Some(left) = &mut self.money {
            let rest = left.amount.checked_sub(paid.amount).filter(|_| left.currency == paid.currency);
            left.amount = rest.unwrap_or_default().max(Money::zero(left.currency).amount);
        }
    }
}

/// What a completion took, lost attempts included.
fn tokens(record: &Completion) -> u64 {
    let lost = record.lost.as_ref().map_or(0, |lost| lost.tokens);
    record.tokens_in.saturating_add(record.tokens_out).saturating_add(lost)
}

/// Gives the completions of a store.
pub trait InferenceView: Send + 'static {
    /// The completions, the handles, the seam.
    fn inference(&mut self) -> Lent<'_, InferenceCtx>;
}

impl inference::Host for Lent<'_, InferenceCtx> {
    async fn complete(&mut self, request: Request) -> wasmtime::Result<Result<Told, No>> {
        self.crossings.count(Kind::Inference.word())?;
        let tier = tier(request.tier);
        let egress = Arc::clone(&self.ctx.egress);
        let granted = match self.ctx.admit(tier, &request) {
            Ok(granted) => granted,
            Err(refused) => return self.refused(tier, refused.rule.as_ref(), refused.told),
        };
        let rule = granted.rule.clone();
        let again = self.crossings.recall(&ask(tier, Some(&rule)), Some(asked(&request).as_bytes()))?;
        if let Some(answer) = again {
            granted.settle_then(&answer);
            return self.answered_then(tier, &rule, answer);
        }
        let prompt = Prompt {
            tier,
            system: request.system.clone(),
            text: request.prompt.clone(),
            tokens_max: u64::from(request.most_tokens),
            money_max: granted.money.clone(),
            budget: granted.tokens_left(),
            answered_by: granted.grant.answered_by.clone(),
            until: self.crossings.over_at(),
            at_stake: self.crossings.asking(&ask(tier, Some(&rule))),
        };
        let came = egress.complete(prompt).await;
        self.crossings.told();
        match &came {
            Ok(Completed { record, .. }) => granted.settle(tokens(record), &record.money),
            Err(CompletionFailure::Failed { money, tokens, .. }) => granted.settle(*tokens, money),
            Err(_) => {}
        }
        match came {
            Ok(completed) => self.answered(tier, &rule, &request, completed).map(Ok),
            Err(failure) => self.failed(tier, &rule, &failure),
        }
    }
}

impl Lent<'_, InferenceCtx> {
    fn answered(
        &self,
        tier: Tier,
        rule: &RuleId,
        request: &Request,
        completed: Completed,
    ) -> wasmtime::Result<Told> {
        let Completed { text, record } = completed;
        self.settle(&record)?;
        self.crossings.wrote(request.system.len() + request.prompt.len());
        self.crossings.read(text.len());
        let record = Completion {
            prompt: self.crossings.keep(asked(request).as_bytes())?,
            text: self.crossings.keep(text.as_bytes())?,
            ..record
        };
        let told = told(text, &record);
        self.crossings.record(&ask(tier, Some(rule)), crossing::Answer::Completion(Box::new(record)))?;
        Ok(told)
    }

    /// The answer that is on record.
    fn answered_then(
        &self,
        tier: Tier,
        rule: &RuleId,
        answer: crossing::Answer,
    ) -> wasmtime::Result<Result<Told, No>> {
        let damaged = || unfit(&ask(tier, Some(rule)));
        match answer {
            crossing::Answer::Completion(record) => {
                self.settle(&record)?;
                let prompt = self.crossings.recalled_content(&record.prompt)?;
                let text = self.crossings.recalled_content(&record.text)?;
                self.crossings.wrote(asked_bytes(&prompt).ok_or_else(damaged)?);
                self.crossings.read(text.len());
                let text = String::from_utf8(text.to_vec()).map_err(|_| damaged())?;
                Ok(Ok(told(text, &record)))
            }
            crossing::Answer::Failed(failure) => {
                failure.money.iter().try_for_each(|money| self.pay(money))?;
                match failure.code.as_str() {
                    "failed" => Ok(Err(No::Failed(failure.cause))),
                    "timed-out" => Ok(Err(No::TimedOut)),
                    _ => Err(damaged()),
                }
            }
            crossing::Answer::Refused(code) => match code.strip_prefix("budget ") {
                Some(which) => Ok(Err(No::Budget(which.to_owned()))),
                None if code == "no-provider" => Ok(Err(No::NoProvider)),
                None => Err(damaged()),
            },
            _ => Err(damaged()),
        }
    }

    fn failed(
        &self,
        tier: Tier,
        rule: &RuleId,
        failure: &CompletionFailure,
    ) -> wasmtime::Result<Result<Told, No>> {
        let cause = one_line(&failure.to_string());
        let (code, told, spent) = match failure {
            CompletionFailure::NoProvider(_) => return self.refused(tier, Some(rule), No::NoProvider),
            CompletionFailure::Budget(which) => {
                return self.refused(tier, Some(rule), No::Budget((*which).to_owned()));
            }
            CompletionFailure::Failed { money, tokens, .. } => {
                ("failed", No::Failed(cause.clone()), Some((money.clone(), *tokens)))
            }
            CompletionFailure::TimedOut => ("timed-out", No::TimedOut, None),
        };
        let (money, tokens) = spent.unzip();
        if let Some(money) = &money {
            self.pay(money)?;
        }
        let tokens = tokens.filter(|tokens| *tokens > 0);
        let failure = Failure { code: code.to_owned(), cause, sent: true, money, tokens };
        self.crossings.record(&ask(tier, Some(rule)), crossing::Answer::Failed(Box::new(failure)))?;
        Ok(Err(told))
    }

    fn refused(&self, tier: Tier, rule: Option<&RuleId>, told: No) -> wasmtime::Result<Result<Told, No>> {
        let code = match &told {
            No::NoProvider => "no-provider".to_owned(),
            No::Budget(which) => format!("budget {which}"),
            No::Denied(_) | No::Failed(_) | No::TimedOut => "denied".to_owned(),
        };
        self.crossings.refuse(&ask(tier, rule), &code)?;
        Ok(Err(told))
    }

    /// Puts a completion on the attempt's receipt, and how much more of it there is than could be set aside.
    fn settle(&self, record: &Completion) -> wasmtime::Result<()> {
        if let Counted::Over(tokens) = record.counted {
            self.crossings.over(tokens);
        }
        self.pay(&record.money)
    }

    /// Puts the price on the attempt's receipt.
    fn pay(&self, money: &Money) -> wasmtime::Result<()> {
        self.crossings.pay(money).map_err(|error| {
            HostFault { doing: "add up what completions cost".into(), cause: error.to_string() }.into()
        })
    }
}

fn ask<'a>(tier: Tier, rule: Option<&'a RuleId>) -> Ask<'a> {
    Ask { kind: Kind::Inference, call: "complete", object: tier.word(), rule }
}

/// What the guest is told of a completion.
fn told(text: String, record: &Completion) -> Told {
    Told {
        text,
        truncated: record.truncated,
        tokens_in: record.tokens_in,
        tokens_out: record.tokens_out,
        model: record.model.clone(),
        cost: record.money.amount.normalize().to_string(),
        currency: record.money.currency.to_string(),
    }
}

/// How long the texts are that a model was told.
fn asked_bytes(kept: &[u8]) -> Option<usize> {
    let texts: BTreeMap<String, String> = serde_json::from_slice(kept).ok()?;
    Some(texts.values().map(String::len).sum())
}

/// What a model was told, as it is kept.
fn asked(request: &Request) -> String {
    serde_json::json!({ "system": request.system, "prompt": request.prompt }).to_string()
}

const fn tier(named: inference::Tier) -> Tier {
    match named {
        inference::Tier::Local => Tier::Local,
        inference::Tier::Cheap => Tier::Cheap,
        inference::Tier::Frontier => Tier::Frontier,
    }
}

/// Links `kapell:skill/inference`.
///
/// # Errors
/// When it is linked already.
pub fn add_to_linker<T: InferenceView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    inference::add_to_linker::<T, Lends<InferenceCtx>>(linker, T::inference)
}

#[cfg(test)]
mod tests;
