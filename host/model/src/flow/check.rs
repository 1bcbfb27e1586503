//! Holds a flow against the skills, the policy and the tariff, and makes the plan that will run.

use super::authored::{self, Allowed, Answer, Authored, CallWork, Used};
use super::page::{Node, Problems, Written};
use super::scope::{self, Scope, Standing};
use crate::digest::Digest;
use crate::grant::{GrantSet, Refusal};
use crate::id::{FlowName, Role, StepId};
use crate::limits::{EffectiveLimits, WishedLimits};
use crate::money::Currency;
use crate::plan::{
    AnswerShape, Budget, Call, Escalate, Expectation, Outcome, PeriodBudget, Plan, Question, Requirement,
    Rung, Step, Template, Work,
};
use crate::policy::{FlowBudget, Policy};
use crate::quantity::Span;
use crate::seam::{Catalog, Skill};
use crate::shape::{Operation, Shape};
use crate::source::{Diagnostics, Source};
use arguments::Arguments;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

mod allowed;
mod arguments;

/// What a skill may reach and spend in one step.
pub type Resolved = (GrantSet, EffectiveLimits);

/// Resolves what a skill asks for by the operator's policy.
pub trait Grants {
    /// What one operation of the skill may reach and spend in a step that wishes these limits.
    ///
    /// # Errors
    /// Every ask that no rule permits, with the rule to paste.
    fn resolve(&self, skill: &Skill, operation: &str, step: &WishedLimits) -> Result<Resolved, Vec<Refusal>>;

    /// What the skill's bytes import that grants narrowed by a step's ceiling no longer meet.
    fn unmet(&self, _skill: &Skill, _grants: &GrantSet) -> Vec<Refusal> {
        Vec::new()
    }
}

impl Grants for Policy {
    fn resolve(&self, skill: &Skill, operation: &str, step: &WishedLimits) -> Result<Resolved, Vec<Refusal>> {
        let grants = self.resolve_operation(&skill.manifest, operation)?;
        Ok((grants, self.limits(&skill.manifest, step)))
    }
}

/// What a flow is held against.
pub struct Context<'a> {
    /// The skills in use.
    pub catalog: &'a dyn Catalog,
    /// The operator's policy over what they ask for.
    pub grants: &'a dyn Grants,
    /// The roles of the policy and the people bound to each.
    pub roles: &'a BTreeMap<Role, Vec<String>>,
    /// The budgets the policy gives to flows.
    pub budgets: &'a [FlowBudget],
    /// Whether nobody may approve in a run they started themselves.
    pub four_eyes: bool,
    /// The files beside the flow as far as they could be read: digest and text by the name expressions use.
    pub files: &'a BTreeMap<String, (Digest, String)>,
    /// The currency of the tariff.
    pub currency: Currency,
    /// Digest of the tariff.
    pub tariff: Digest,
    /// Digest of the policy.
    pub policy: Digest,
    /// The engine: version and digest of its settings.
    pub engine: String,
}

/// Checks a flow whole and pins it.
///
/// # Errors
/// Everything wrong with it: unknown names, missing grants, values whose types can't fit, references to steps that
/// may have no value, questions nobody can answer; each with its place in `source`, the text it was read from.
pub fn check(authored: &Authored, source: Source<'_>, context: &Context<'_>) -> Result<Plan, Diagnostics> {
    let problems = Problems::new(source);
    let mut checker =
        Checker { context, problems: &problems, scope: Scope::default(), roles: BTreeMap::new() };
    let plan = checker.flow(authored);
    problems.finish(plan)
}

struct Checker<'a, 't> {
    context: &'a Context<'a>,
    problems: &'a Problems<'t>,
    /// What is known at the step being checked.
    scope: Scope,
    /// The roles asked so far.
    roles: BTreeMap<Role, Vec<String>>,
}

/// What rungs and verdicts of a step need to know of it.
struct Around<'a> {
    id: &'a StepId,
    bounds: Bounds<'a>,
    /// What `answer: id` means.
    own: Option<&'a Shape>,
}

/// What a step says of all its calls: its own, its verdict's and its ladder's.
#[derive(Clone, Copy)]
struct Bounds<'a> {
    limits: &'a WishedLimits,
    grants: Option<&'a Allowed>,
}

impl Checker<'_, '_> {
    fn flow(&mut self, authored: &Authored) -> Option<Plan> {
        let files = self.files(authored);
        self.scope.add_space("inputs", scope::inputs(&authored.inputs));
        let texts = authored.files.iter().map(|(name, _)| (name.clone(), Some(Shape::String)));
        self.scope.add_space("files", texts.collect());
        let require = authored.require.iter().map(|one| self.requirement(one)).collect::<Vec<_>>();
        authored.steps.iter().for_each(|step| self.scope.add_later(step.id.value.as_str()));
        self.check_ids(&authored.steps);
        let steps: Vec<_> = authored.steps.iter().map(|step| self.step(step)).collect();
        let outputs = self.shown(&self.scope, &authored.outputs);
        let outcome = authored.outcome.as_ref().map(|it| self.outcome(it));
        let budget = self.budget(&authored.budget)?;
        let flow_budgets = self.flow_budgets(&authored.name);
        Some(Plan {
            flow: authored.name.clone(),
            version: authored.version.clone(),
            text: Digest::of(self.problems.source.text.as_bytes()),
            purpose: authored.purpose.clone(),
            outcome,
            owner: authored.owner.clone(),
            runbook: authored.runbook.clone(),
            inputs: authored.inputs.clone(),
            files,
            require: require.into_iter().collect::<Option<_>>()?,
            budget,
            flow_budgets,
            steps: steps.into_iter().collect::<Option<_>>()?,
            outputs: outputs?,
            roles: std::mem::take(&mut self.roles),
            four_eyes: self.context.four_eyes,
            policy: self.context.policy,
            tariff: self.context.tariff,
            engine: self.context.engine.clone(),
        })
    }

    fn files(&self, authored: &Authored) -> BTreeMap<String, Digest> {
        let found = authored.files.iter().filter_map(|(name, path)| match self.context.files.get(name) {
            Some((digest, _)) => Some((name.clone(), *digest)),
            None => {
                let message = format!("there is no text file `{}` beside the flow", path.value);
                self.problems.tell(&path.at, message);
                None
            }
        });
        found.collect()
    }

    fn outcome(&self, outcome: &authored::Outcome) -> Outcome {
        let when = outcome.when.as_ref();
        // What is wrong with it is told, and then there is no plan.
        if let Some(when) = when {
            self.scope.check_condition(self.problems, when);
        }
        let (name, when) = (outcome.name.clone(), when.map(|it| it.value.clone()));
        Outcome { name, when, worth: outcome.worth.clone(), by_hand: outcome.by_hand }
    }

    fn requirement(&self, one: &authored::Requirement) -> Option<Requirement> {
        let that = self.scope.check_condition(self.problems, &one.that);
        let otherwise = self.text(&self.scope, &one.otherwise);
        that.and(otherwise)?;
        Some(Requirement { that: one.that.value.clone(), otherwise: one.otherwise.value.clone() })
    }

    fn budget(&mut self, written: &authored::Budget) -> Option<Budget> {
        let money = written.money.as_ref();
        if let Some(money) = money.filter(|money| money.value.currency != self.context.currency) {
            let message =
                format!("the budget is in {}, the tariff in {}", money.value.currency, self.context.currency);
            self.problems.tell_with(
                &money.at,
                message,
                "there is no exchange rate here; use the tariff's currency",
            );
        }
        let over = match &written.over {
            Some(role) => Some(self.role(role)?),
            None => None,
        };
        let work = written.work.as_ref().map(|work| work.value);
        Some(Budget { money: money.map(|money| money.value.clone()), work, over })
    }

    /// The policy's budgets for this flow; who may let one be passed is asked like any other role.
    fn flow_budgets(&mut self, flow: &FlowName) -> Vec<PeriodBudget> {
        let own = self.context.budgets.iter().filter(|it| it.flow == *flow).map(|it| it.budget.clone());
        let own: Vec<_> = own.collect();
        for role in own.iter().filter_map(|budget| budget.over.as_ref()) {
            let people = self.context.roles.get(role).cloned().unwrap_or_default();
            self.roles.insert(role.clone(), people);
        }
        own
    }

    fn check_ids(&self, steps: &[authored::Step]) {
        let mut known = BTreeSet::new();
        for id in steps.iter().map(|step| &step.id) {
            if is_reserved(id.value.as_str()) {
                let message = format!("`{}` means something else in expressions", id.value);
                self.problems.tell_with(&id.at, message, "give the step another id");
            } else if !known.insert(&id.value) {
                self.problems.tell(&id.at, format!("there are two steps `{}`", id.value));
            }
        }
    }

    fn step(&mut self, step: &authored::Step) -> Option<Step> {
        let when = step.when.as_ref().map(|when| self.scope.check_condition(self.problems, when));
        let inside = match &step.when {
            Some(when) => self.scope.where_holds(&when.value),
            None => self.scope.clone(),
        };
        let (work, shape) = match &step.work {
            authored::Work::Call(work) => self.call_work(&inside, &step.id.value, work),
            authored::Work::Ask(question) => {
                let bounds = Bounds { limits: &WishedLimits::default(), grants: None };
                let around = Around { id: &step.id.value, bounds, own: None };
                let asked = self.question(&inside, question, &around);
                let shape =
                    asked.as_ref().map(|question| scope::answered(scope::answer_shape(&question.answer)));
                (asked.map(|question| Work::Ask { question }), shape)
            }
        };
        let budget = self.budget(&step.budget);
        self.scope.add_value(step.id.value.as_str(), shape, step.when.is_some());
        when.is_none_or(|when| when.is_some()).then_some(())?;
        Some(Step {
            id: step.id.value.clone(),
            when: step.when.as_ref().map(|when| when.value.clone()),
            budget: budget?,
            marks: step.marks.clone(),
            work: work?,
        })
    }

    /// A step that calls, and the type it leaves behind.
    fn call_work(&mut self, scope: &Scope, id: &StepId, work: &CallWork) -> (Option<Work>, Option<Shape>) {
        let bounds = Bounds { limits: &work.limits, grants: work.grants.as_ref() };
        let call = self.call(scope, &work.call, bounds);
        self.check_allowed(work);
        let own = call.as_ref().and_then(|call| call.operation.output().cloned());
        if let (Some(call), None, Some(expect)) = (&call, &own, &work.expect) {
            let message =
                format!("`{}` answers nothing, so nothing can be expected of it", call.operation.name);
            self.problems.tell(expect.at(), message);
        }
        let around = Around { id, bounds, own: own.as_ref() };
        let mut inside = scope.clone();
        inside.add_value(id.as_str(), own.clone(), false);
        let expect = work.expect.as_ref().map(|expect| self.expectation(&mut inside, expect, &around));
        let otherwise: Vec<_> =
            work.otherwise.iter().map(|rung| self.rung(&inside, rung, work, &around)).collect();
        let work = || {
            let expect = match expect {
                Some(expect) => Some(expect?),
                None => None,
            };
            let otherwise = otherwise.into_iter().collect::<Option<_>>()?;
            Some(Work::Call { call: call?, expect, otherwise, retry: work.retry })
        };
        (work(), own)
    }

    /// An expectation; the name `verdict` is known from here on.
    fn expectation(
        &mut self,
        scope: &mut Scope,
        expect: &authored::Expectation,
        around: &Around<'_>,
    ) -> Option<Expectation> {
        match expect {
            authored::Expectation::Holds(that) => {
                scope.check_condition(self.problems, that)?;
                Some(Expectation::Holds { that: that.value.clone() })
            }
            authored::Expectation::Verdict { call, holds } => {
                let judge = self.call(scope, call, around.bounds);
                let shape = judge.as_ref().and_then(|judge| judge.operation.output().cloned());
                scope.add_value("verdict", shape, false);
                scope.check_condition(self.problems, holds)?;
                Some(Expectation::Verdict { call: Box::new(judge?), holds: holds.value.clone() })
            }
        }
    }

    fn rung(
        &mut self,
        scope: &Scope,
        rung: &authored::Rung,
        work: &CallWork,
        around: &Around<'_>,
    ) -> Option<Rung> {
        match rung {
            authored::Rung::Again { at, with } => self.again(scope, &at.at, with, work),
            authored::Rung::Use(other) => {
                let call = self.call(scope, other, around.bounds)?;
                self.check_answers_alike(&other.used, &call.operation, around)?;
                Some(Rung::Use { call: Box::new(call) })
            }
            authored::Rung::Ask(question) => {
                Some(Rung::Ask { question: self.question(scope, question, around)? })
            }
        }
    }

    fn check_answers_alike(
        &self,
        used: &Written<Used>,
        operation: &Operation,
        around: &Around<'_>,
    ) -> Option<()> {
        // A step that answers nothing takes any rung.
        let Some(own) = around.own else { return Some(()) };
        let Some(given) = operation.output() else {
            self.problems.tell(
                &used.at,
                format!("`{}` answers nothing, step `{}` answers {own}", operation.name, around.id),
            );
            return None;
        };
        let Err(misfit) = own.accepts(given) else { return Some(()) };
        let message = format!(
            "`{}` does not answer what step `{}` answers: {}: expected {}, found {}",
            operation.name, around.id, misfit.path, misfit.expected, misfit.found
        );
        self.problems.tell_with(&used.at, message, "every rung of a ladder answers in the step's own type");
        None
    }

    /// The same call with other inputs: deterministic work on the same inputs would answer the same.
    fn again(
        &self,
        scope: &Scope,
        at: &Range<usize>,
        with: &[(Written<String>, Node)],
        work: &CallWork,
    ) -> Option<Rung> {
        let operation = self.operation(&work.call.used)?.1;
        let arguments =
            Arguments { problems: self.problems, scope, used: &work.call.used, operation: &operation };
        let given = arguments.some(with)?;
        let first = arguments.quietly(&work.call.with);
        if given.iter().all(|(name, template)| first.get(name) == Some(template)) {
            let hint =
                "the same input would give the same answer; add what is known now, such as the findings";
            self.problems.tell_with(at, "`again` changes no input", hint);
            return None;
        }
        Some(Rung::Again { with: given })
    }

    fn call(&self, scope: &Scope, call: &authored::Call, bounds: Bounds<'_>) -> Option<Call> {
        let (skill, operation) = self.operation(&call.used)?;
        let grants = self.grants(&skill, &call.used, bounds);
        let arguments = Arguments { problems: self.problems, scope, used: &call.used, operation: &operation };
        let with = arguments.all(&call.with);
        let claim = skill.manifest.claim(&operation.name);
        let (grants, limits) = grants?;
        Some(Call {
            skill: skill.pin.clone(),
            owner: skill.manifest.owner.clone(),
            lane: claim.lane,
            effects: claim.effects,
            operation,
            with: with?,
            grants,
            limits,
            private: claim.private,
        })
    }

    fn grants(&self, skill: &Skill, used: &Written<Used>, bounds: Bounds<'_>) -> Option<Resolved> {
        match self.context.grants.resolve(skill, &used.value.operation, bounds.limits) {
            Ok((granted, limits)) => Some((self.allowed(skill, granted, bounds.grants)?, limits)),
            Err(refusals) => {
                self.refuse(&used.at, skill, &refusals);
                None
            }
        }
    }

    fn refuse(&self, at: &Range<usize>, skill: &Skill, refusals: &[Refusal]) {
        for refusal in refusals {
            let message = format!("`{}` is refused {refusal}", skill.pin.name);
            self.problems.tell_refused(at, message, refusal.advice.clone());
        }
    }

    fn operation(&self, used: &Written<Used>) -> Option<(Arc<Skill>, Operation)> {
        let Used { name, version, operation: wanted } = &used.value;
        let Some(skill) = self.context.catalog.find(name, version.as_ref()) else {
            self.tell_no_skill(used);
            return None;
        };
        let at = self.part(&used.at, wanted);
        let Some(operation) = skill.operation(wanted).cloned() else {
            let known: Vec<&str> = skill.operations.iter().map(|operation| operation.name.as_str()).collect();
            let message = format!("`{name}` {} has no operation `{wanted}`", skill.pin.version);
            self.problems.tell_unknown(&at, message, wanted, known.iter().copied());
            return None;
        };
        if let Some((place, what)) = operation.uncallable() {
            let message =
                format!("`{wanted}` can't be called: its {place} has a {what}, which has no JSON form");
            self.problems.tell(&at, message);
            return None;
        }
        Some((skill, operation))
    }

    fn tell_no_skill(&self, used: &Written<Used>) {
        let Used { name, version, .. } = &used.value;
        let at = self.part(&used.at, name.as_str());
        let in_use = self.context.catalog.find(name, None);
        if let (Some(skill), Some(version)) = (in_use, version) {
            let message = format!("`{name}` {} is in use, which is not `{version}`", skill.pin.version);
            return self.problems.tell_with(&at, message, "`kapell skills show` lists its versions");
        }
        let names = self.context.catalog.names();
        let message = format!("there is no skill `{name}`");
        self.problems.tell_unknown(
            &at,
            message,
            name.as_str(),
            names.iter().map(crate::id::SkillName::as_str),
        );
    }

    /// The bytes of one word within a text.
    fn part(&self, at: &Range<usize>, word: &str) -> Range<usize> {
        let raw = self.problems.source.text.get(at.clone()).unwrap_or_default();
        let start = raw.rfind(word).map(|start| at.start + start);
        start.map_or_else(|| at.clone(), |start| start..start + word.len())
    }

    fn question(
        &mut self,
        scope: &Scope,
        question: &authored::Question,
        around: &Around<'_>,
    ) -> Option<Question> {
        let role = self.role(&question.role);
        let text = self.text(scope, &question.text);
        let show = self.shown(scope, &question.show);
        let answer = match &question.answer {
            Some(answer) => self.answer(answer, around),
            None => Some(AnswerShape::Approval),
        };
        let escalate =
            question.escalate.as_ref().map(|escalate| self.escalate(escalate, &question.role.value));
        self.check_times(question)?;
        let override_by = match &question.override_by {
            Some(role) => Some(self.override_role(role, answer.as_ref())?),
            None => None,
        };
        let escalate = match escalate {
            Some(escalate) => Some(escalate?),
            None => None,
        };
        let time = |span: &Option<Written<Span>>| span.as_ref().map(|span| span.value);
        Some(Question {
            role: role?,
            text: text?,
            show: show?,
            answer: answer?,
            remind: time(&question.remind),
            escalate,
            expire: time(&question.expire),
            override_by,
        })
    }

    fn role(&mut self, role: &Written<Role>) -> Option<Role> {
        match self.context.roles.get(&role.value) {
            Some(people) if !people.is_empty() => {
                self.roles.insert(role.value.clone(), people.clone());
                Some(role.value.clone())
            }
            Some(_) => {
                let message = format!("nobody can answer: role `{}` has no people in the policy", role.value);
                self.problems.tell_with(&role.at, message, "name them under `people`");
                None
            }
            None => {
                let roles = self.context.roles.keys().map(Role::as_str);
                let near = crate::source::nearest(role.value.as_str(), roles);
                let hint = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("add to policy.toml:\n[role.{}]\npeople = [\"user:*\"]", role.value),
                };
                let message = format!("nobody can answer: the policy has no role `{}`", role.value);
                self.problems.tell_with(&role.at, message, hint);
                None
            }
        }
    }

    /// Only a yes can be done without: a value nobody gave is not there.
    fn override_role(&mut self, role: &Written<Role>, answer: Option<&AnswerShape>) -> Option<Role> {
        if answer.is_some_and(|answer| *answer != AnswerShape::Approval) {
            let message = "only a question to approve or reject can be overridden";
            self.problems.tell_with(&role.at, message, "a value that is asked for can't be done without");
            return None;
        }
        self.role(role)
    }

    fn escalate(&mut self, (after, to): &(Written<Span>, Written<Role>), asked: &Role) -> Option<Escalate> {
        if to.value == *asked {
            self.problems.tell(&to.at, format!("`{asked}` is asked already"));
            return None;
        }
        Some(Escalate { after: after.value, to: self.role(to)? })
    }

    /// What would happen after the question has ended never happens.
    fn check_times(&self, question: &authored::Question) -> Option<()> {
        let Some(expire) = &question.expire else { return Some(()) };
        let escalate = question.escalate.as_ref().map(|(after, _)| after);
        let mut good = Some(());
        for (what, span) in [("reminds", question.remind.as_ref()), ("escalates", escalate)] {
            let Some(span) = span.filter(|span| span.value >= expire.value) else { continue };
            let message =
                format!("the question {what} after {} and expires after {}", span.value, expire.value);
            self.problems.tell_with(&span.at, message, "let it expire last");
            good = None;
        }
        good
    }

    fn answer(&self, answer: &Written<Answer>, around: &Around<'_>) -> Option<AnswerShape> {
        match &answer.value {
            Answer::Approval => Some(AnswerShape::Approval),
            Answer::Input(shape) => Some(AnswerShape::Input { shape: *shape }),
            Answer::Choice(choices) => Some(AnswerShape::Choice { choices: choices.clone() }),
            Answer::Named(name) if name == around.id.as_str() && around.own.is_some() => {
                Some(AnswerShape::Shape { shape: around.own?.clone() })
            }
            Answer::Named(name) => {
                let known = ["approval", "string", "integer", "number", "boolean", "json"].into_iter();
                let own = around.own.map(|_| around.id.as_str());
                let message = format!("`{name}` is no type of an answer");
                self.problems.tell_unknown(&answer.at, message, name, known.chain(own));
                None
            }
        }
    }

    /// A text with `${{ }}` in it.
    fn text(&self, scope: &Scope, written: &Written<String>) -> Option<Template> {
        arguments::text(self.problems, scope, &written.value, &written.at)
    }

    /// Named bare expressions: what is shown, what comes out.
    fn shown(&self, scope: &Scope, shown: &[(String, Written<String>)]) -> Option<BTreeMap<String, String>> {
        let checked: Vec<_> = shown
            .iter()
            .map(|(name, written)| {
                scope.check(self.problems, Standing::whole(written), &written.value)?;
                Some((name.clone(), written.value.clone()))
            })
            .collect();
        checked.into_iter().collect()
    }
}

impl authored::Expectation {
    fn at(&self) -> &Range<usize> {
        match self {
            authored::Expectation::Holds(that) => &that.at,
            authored::Expectation::Verdict { holds, .. } => &holds.at,
        }
    }
}

/// The type of the `answer` a step that asks leaves behind; an approval leaves none.
/// Names that are taken in expressions: the flow's own, CEL's words and CEL's types.
fn is_reserved(name: &str) -> bool {
    const OURS: [&str; 3] = ["inputs", "files", "verdict"];
    const TYPES: [&str; 11] =
        ["bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "string", "type", "uint"];
    OURS.contains(&name) || TYPES.contains(&name) || crate::expression::is_reserved(name)
}
