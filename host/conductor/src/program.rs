//! A program: a plan made ready to be decided over again and again, its expressions compiled, its calls shared.

use kapell_journal::content::Content;
use kapell_journal::entry::{AttemptStarted, Purpose};
use kapell_journal::seam::JournalError;
use kapell_model::digest::Digest;
use kapell_model::expression::{Expression, ExpressionError};
use kapell_model::flow::{Private, shapes};
use kapell_model::grant::{Authority, GrantSet};
use kapell_model::id::StepId;
use kapell_model::limits::{EffectiveLimits, LimitOrigin};
use kapell_model::money::{Currency, Money, MoneyError, PinnedTariff, Tariff};
use kapell_model::plan::{Call, Expectation, Plan, Rung, Template, Work};
use kapell_model::shape::{Operation, Shape};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A plan made ready. Made once for a run; many attempts share its parts.
#[derive(Debug)]
pub struct Program {
    /// The plan.
    pub plan: Plan,
    /// The plan's canonical JSON, as every run by it keeps it.
    pub planned: Content,
    /// The tariff that prices it.
    pub tariff: PinnedTariff,
    /// The tariff's currency.
    pub currency: Currency,
    /// Texts beside the flow, as one object.
    pub files: Arc<Value>,
    /// What of its runs is private.
    pub private: Private,
    expressions: BTreeMap<String, Expression>,
    shapes: BTreeMap<String, Shape>,
    calls: BTreeMap<StepId, StepCalls>,
}

/// The calls of a step, ready to be performed.
#[derive(Debug, Default)]
struct StepCalls {
    rungs: Vec<Option<ReadyCall>>,
    verdict: Option<ReadyCall>,
}

/// One call, its parts shared by all its attempts.
#[derive(Clone, Debug)]
pub struct ReadyCall {
    /// The call as planned, with the arguments of its rung.
    pub call: Arc<Call>,
    /// Its operation.
    pub operation: Arc<Operation>,
    /// Its grants.
    pub grants: Arc<GrantSet>,
    /// The digest of its grants.
    pub grant: Digest,
    /// What it costs at its worst.
    pub dearest: Money,
    /// The part of it that is its models', where it may ask any.
    pub models: Option<Money>,
}

/// A plan that cannot be made ready: it was not made by this host's check.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// An expression does not compile.
    #[error("the plan's expression `{source_text}` does not compile: {cause}")]
    Expression {
        /// The expression.
        source_text: String,
        /// What is wrong with it.
        cause: ExpressionError,
    },
    /// The tariff has no currency.
    #[error("the tariff cannot price a run: {0}")]
    Tariff(#[from] MoneyError),
    /// A text beside the flow is missing.
    #[error("the flow's file `{0}` is not stored with the run")]
    File(String),
    /// Something is not stored with the run as it should be.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Program {
    /// Makes a plan ready.
    ///
    /// # Errors
    /// When the plan was not made by this host's check, or its files or tariff are not at hand.
    pub fn new(
        plan: Plan,
        tariff: PinnedTariff,
        texts: &BTreeMap<String, String>,
    ) -> Result<Self, ProgramError> {
        let currency = tariff.tariff.currency()?;
        if let Some(missing) = plan.files.keys().find(|name| !texts.contains_key(*name)) {
            return Err(ProgramError::File(missing.clone()));
        }
        let files = texts.iter().map(|(name, text)| (name.clone(), Value::String(text.clone()))).collect();
        let mut expressions = BTreeMap::new();
        for source in plan.expressions() {
            if !expressions.contains_key(source) {
                let compiled = Expression::compile(source)
                    .map_err(|cause| ProgramError::Expression { source_text: source.into(), cause })?;
                expressions.insert(source.to_owned(), compiled);
            }
        }
        let calls =
            plan.steps.iter().map(|step| Ok((step.id.clone(), StepCalls::of(&step.work, &tariff.tariff)?)));
        let calls = calls.collect::<Result<_, ProgramError>>()?;
        let (planned, files) = (Content::canonical(&plan)?, Arc::new(Value::Object(files)));
        let (private, shapes) = (Private::of(&plan), shapes(&plan));
        Ok(Self { plan, planned, tariff, currency, files, private, expressions, shapes, calls })
    }

    /// A compiled expression of the plan.
    #[must_use]
    pub fn expression(&self, source: &str) -> Option<&Expression> {
        self.expressions.get(source)
    }

    /// The type of what expressions read under a name, where it is known.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&Shape> {
        self.shapes.get(name)
    }

    /// The call on a rung of a step; none when that rung asks a person.
    #[must_use]
    pub fn call(&self, step: &StepId, rung: u32) -> Option<&ReadyCall> {
        self.calls.get(step)?.rungs.get(rung as usize)?.as_ref()
    }

    /// The call that judges a step's output.
    #[must_use]
    pub fn verdict(&self, step: &StepId) -> Option<&ReadyCall> {
        self.calls.get(step)?.verdict.as_ref()
    }

    /// The call an attempt is of.
    ///
    /// # Errors
    /// When the plan has no such call: the attempt is not of a run by it.
    pub fn call_of(&self, started: &AttemptStarted) -> Result<&ReadyCall, JournalError> {
        let call = match started.purpose {
            Purpose::Work => self.call(&started.step, started.rung),
            Purpose::Verdict => self.verdict(&started.step),
        };
        let unknown = || format!("the plan has no call for attempt {} of {}", started.attempt, started.step);
        call.ok_or_else(|| JournalError::Damaged(unknown()))
    }

    /// Nothing, in the tariff's currency.
    #[must_use]
    pub const fn nothing(&self) -> Money {
        Money::zero(self.currency)
    }
}

impl StepCalls {
    fn of(work: &Work, tariff: &Tariff) -> Result<Self, MoneyError> {
        let Work::Call { call, expect, otherwise, .. } = work else { return Ok(Self::default()) };
        let own = std::iter::once(ReadyCall::of(call.clone(), tariff).map(Some));
        let rungs = own.chain(otherwise.iter().map(|rung| match rung {
            Rung::Again { with } => {
                let again = Call { with: merged(&call.with, with), ..call.clone() };
                ReadyCall::of(again, tariff).map(Some)
            }
            Rung::Use { call } => ReadyCall::of((**call).clone(), tariff).map(Some),
            Rung::Ask { .. } => Ok(None),
        }));
        let verdict = match expect {
            Some(Expectation::Verdict { call, .. }) => Some(ReadyCall::of((**call).clone(), tariff)?),
            _ => None,
        };
        Ok(Self { rungs: rungs.collect::<Result<_, _>>()?, verdict })
    }
}

/// The most each tier may cost a call. What is granted in another currency than the tariff's can't be spent.
fn models(grants: &GrantSet, currency: Currency) -> impl Iterator<Item = &Money> {
    let granted = grants.grants.iter().filter_map(|grant| match &grant.authority {
        Authority::Inference(inference) => inference.money_max.as_ref(),
        _ => None,
    });
    granted.filter(move |most| most.currency == currency)
}

impl ReadyCall {
    fn of(call: Call, tariff: &Tariff) -> Result<Self, MoneyError> {
        let operation = Arc::new(call.operation.clone());
        let grants = Arc::new(call.grants.clone());
        let work = tariff.reserve(call.limits.limits.fuel, call.limits.limits.memory)?;
        let mut granted = models(&grants, work.currency);
        let first = granted.next().cloned();
        let models = first.map(|first| granted.try_fold(first, |sum, most| sum.plus(most))).transpose()?;
        drop(granted);
        let dearest = models.iter().try_fold(work, |sum, most| sum.plus(most))?;
        Ok(Self { grant: grants.digest(), operation, grants, dearest, models, call: Arc::new(call) })
    }

    /// The limits of one attempt: the call's own, unless the budget left it less time.
    #[must_use]
    pub fn limits(&self, started: &AttemptStarted) -> EffectiveLimits {
        let mut limits = self.call.limits;
        if let Some(deadline) = started.deadline {
            (limits.limits.deadline, limits.origins.deadline) = (deadline, LimitOrigin::Flow);
        }
        limits
    }
}

fn merged(
    base: &BTreeMap<String, Template>,
    over: &BTreeMap<String, Template>,
) -> BTreeMap<String, Template> {
    let mut with = base.clone();
    with.extend(over.iter().map(|(name, template)| (name.clone(), template.clone())));
    with
}
