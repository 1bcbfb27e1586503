//! What a policy makes of what was approved of a flow, without the flow's file: who answers for its roles and what all its runs
//! together may spend stand in the policy.

use super::meaning::{BudgetMeaning, Clause, Meaning, QuestionMeaning, RungMeaning, WorkMeaning};
use crate::id::{FlowName, Role};
use crate::policy::Policy;

/// A role that is asked, and its people.
type Asking<'m> = (&'m Role, &'m mut Vec<String>);

impl Meaning {
    /// The same flow with the people and the budgets that this policy names for it.
    #[must_use]
    pub fn under(&self, flow: &FlowName, policy: &Policy) -> Self {
        let own = self.clauses.iter().filter(|clause| !matches!(clause, Clause::FlowBudget(..))).cloned();
        let budgets = policy.budgets.iter().filter(|it| it.flow == *flow).map(|it| {
            let over = it.budget.over.clone().map(|role| (role, Vec::new()));
            let bound = BudgetMeaning { money: Some(it.budget.most.clone()), work: None, over };
            Clause::FlowBudget(it.budget.per, bound)
        });
        let mut clauses: Vec<Clause> = own.chain(budgets).collect();
        for (role, people) in clauses.iter_mut().flat_map(Clause::asking) {
            *people = policy.people(role).unwrap_or_default().to_vec();
        }
        Self { clauses }
    }
}

impl Clause {
    fn asking(&mut self) -> Vec<Asking<'_>> {
        match self {
            Clause::Budget(budget) | Clause::FlowBudget(_, budget) => budget.asking().collect(),
            Clause::Step(step) => step.budget.asking().chain(step.work.asking()).collect(),
            _ => Vec::new(),
        }
    }
}

impl BudgetMeaning {
    fn asking(&mut self) -> impl Iterator<Item = Asking<'_>> {
        self.over.iter_mut().map(|(role, people)| (&*role, people))
    }
}

impl WorkMeaning {
    fn asking(&mut self) -> Vec<Asking<'_>> {
        match self {
            WorkMeaning::Ask(question) => question.asking().collect(),
            WorkMeaning::Call { otherwise, .. } => {
                let questions = otherwise.iter_mut().filter_map(|rung| match rung {
                    RungMeaning::Ask(question) => Some(question),
                    _ => None,
                });
                questions.flat_map(QuestionMeaning::asking).collect()
            }
        }
    }
}

impl QuestionMeaning {
    fn asking(&mut self) -> impl Iterator<Item = Asking<'_>> {
        let escalated = self.escalate.iter_mut().map(|(_, role, people)| (&*role, people));
        let instead = self.override_by.iter_mut().map(|(role, people)| (&*role, people));
        std::iter::once((&self.role, &mut self.people)).chain(escalated).chain(instead)
    }
}
