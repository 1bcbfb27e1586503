//! What a call could cost at worst, held against what is left before it is made; what it did cost, settled after it.
//!
//! What a prompt comes to at most is the model's word, [`tokens_in_at_most`]: a budget of tokens never ends in the
//! middle of a call, and one of money is never overdrawn by a provider that keeps to its own limit.

use super::openai::Usage;
use super::retry::Cost;
use kapell_model::crossing::{Counted, Lost};
use kapell_model::inference::{PricedProvider, tokens_in_at_most};
use kapell_model::money::Money;
use kapell_model::seam::Prompt;

/// What an attempt may still spend, and what it spent for nothing.
pub(super) struct Purse {
    tokens: u64,
    /// None when no price is to be paid at all.
    money: Option<Money>,
    lost: Option<Lost>,
}

/// The worst a call could cost.
pub(super) struct Reservation {
    tokens_in: u64,
    tokens_out: u64,
    money: Money,
}

/// What an answer cost, together with what was lost before it.
pub(super) struct Settled {
    pub(super) tokens_in: u64,
    pub(super) tokens_out: u64,
    pub(super) money: Money,
    pub(super) counted: Counted,
    pub(super) lost: Option<Lost>,
}

impl Purse {
    pub(super) fn new(prompt: &Prompt) -> Self {
        Self { tokens: prompt.budget, money: prompt.money_max.clone(), lost: None }
    }

    /// Sets the worst aside.
    ///
    /// # Errors
    /// What does not suffice for it.
    pub(super) fn reserve(
        &self,
        prompt: &Prompt,
        priced: &PricedProvider,
    ) -> Result<Reservation, &'static str> {
        let bytes = (prompt.system.len() + prompt.text.len()) as u64;
        let tokens_in = tokens_in_at_most(bytes);
        if tokens_in.saturating_add(prompt.tokens_max) > self.tokens {
            return Err("tokens");
        }
        match priced.cost(tokens_in, prompt.tokens_max) {
            Ok(money) if self.affords(&money) => {
                Ok(Reservation { tokens_in, tokens_out: prompt.tokens_max, money })
            }
            _ => Err("money"),
        }
    }

    fn affords(&self, price: &Money) -> bool {
        match &self.money {
            None => price.amount.is_zero(),
            Some(left) => left.currency == price.currency && price.amount <= left.amount,
        }
    }

    /// What the provider reports is charged, more than was reserved too; where it reports nothing, the reservation.
    pub(super) fn settle(
        &self,
        priced: &PricedProvider,
        reserved: Reservation,
        usage: Option<Usage>,
    ) -> Settled {
        let (tokens_in, tokens_out, money) = charge(priced, &reserved, usage);
        let over =
            tokens_in.saturating_sub(reserved.tokens_in) + tokens_out.saturating_sub(reserved.tokens_out);
        let counted = match usage {
            None => Counted::Reserved,
            Some(_) if over > 0 => Counted::Over(over),
            Some(_) => Counted::Reported,
        };
        let money = self.lost.as_ref().map_or(money.clone(), |lost| sum(&lost.money, &money));
        Settled { tokens_in, tokens_out, money, counted, lost: self.lost.clone() }
    }

    /// Takes what a call without an answer may have cost off what is left.
    pub(super) fn lose(&mut self, priced: &PricedProvider, reserved: Reservation, cost: &Cost) {
        let usage = match cost {
            Cost::Nothing => return,
            Cost::Reserved => None,
            Cost::Reported(usage) => Some(*usage),
        };
        let (tokens_in, tokens_out, money) = charge(priced, &reserved, usage);
        let tokens = tokens_in + tokens_out;
        self.tokens = self.tokens.saturating_sub(tokens);
        if let Some(left) = &mut self.money {
            let zero = Money::zero(left.currency).amount;
            left.amount = left.amount.checked_sub(money.amount).unwrap_or(zero).max(zero);
        }
        self.lost = Some(match &self.lost {
            None => Lost { tokens, money },
            Some(lost) => Lost { tokens: lost.tokens + tokens, money: sum(&lost.money, &money) },
        });
    }

    /// What all of it comes to if this call costs its worst.
    pub(super) fn at_worst(&self, reserved: &Reservation) -> Option<Money> {
        let lost = self.lost.as_ref().map(|lost| sum(&lost.money, &reserved.money));
        Some(lost.unwrap_or_else(|| reserved.money.clone()))
    }

    pub(super) const fn lost(&self) -> Option<&Lost> {
        self.lost.as_ref()
    }
}

/// Tokens and money of one call.
fn charge(priced: &PricedProvider, reserved: &Reservation, usage: Option<Usage>) -> (u64, u64, Money) {
    let reported = usage.and_then(|usage| {
        let money = priced.cost(usage.tokens_in, usage.tokens_out).ok()?;
        Some((usage.tokens_in, usage.tokens_out, money))
    });
    reported.unwrap_or((reserved.tokens_in, reserved.tokens_out, reserved.money.clone()))
}

/// One tariff has one currency; a sum beyond every decimal stays what it was.
fn sum(one: &Money, other: &Money) -> Money {
    one.plus(other).unwrap_or_else(|_| one.clone())
}
