//! What models cost: `[[model]]` of the tariff, and which of them stands for which provider of the policy.

use super::{Currency, Money, MoneyError, PRICE_DIGITS, Tariff, price_of};
use crate::grant::Authority;
use crate::id::RuleId;
use crate::inference::{PricedProvider, Provider, Tier};
use crate::policy::Rule;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Prices are for so many tokens.
const UNIT: u64 = 1_000_000;

/// What one model costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ModelPrice {
    /// Its name, as the policy's providers name it.
    pub name: String,
    /// For a million tokens of prompts.
    pub input_per_million: Decimal,
    /// For a million tokens of answers.
    pub output_per_million: Decimal,
}

impl ModelPrice {
    /// What a prompt and its answer cost.
    ///
    /// # Errors
    /// When the amount leaves the range of a decimal.
    pub fn cost(&self, currency: Currency, tokens_in: u64, tokens_out: u64) -> Result<Money, MoneyError> {
        let input = price_of(self.input_per_million, tokens_in, UNIT);
        let output = price_of(self.output_per_million, tokens_out, UNIT);
        let amount = input.zip(output).and_then(|(input, output)| input.checked_add(output));
        Ok(Money { amount: amount.ok_or(MoneyError::Overflow)?.round_dp(PRICE_DIGITS), currency })
    }

    /// Whether it costs nothing.
    #[must_use]
    pub const fn is_free(&self) -> bool {
        self.input_per_million.is_zero() && self.output_per_million.is_zero()
    }
}

/// A provider whose answers can't be priced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpriced {
    /// The tariff does not know its model.
    #[error("the provider `{}` asks the model `{}`, which has no price in the tariff", .0.id, .0.model)]
    Missing(Box<Provider>),
    /// The model would cost nothing although it is not the operator's own.
    #[error("the model `{}` of the provider `{}` costs nothing by the tariff; only tier `local` may", .0.model, .0.id)]
    Free(Box<Provider>),
    /// A rule's bound on money is in another currency than the prices, so that it could never be held against one.
    #[error("the rule `{0}` bounds money in {1}, and the tariff's prices are in {2}")]
    Currency(RuleId, Currency, Currency),
}

impl Unpriced {
    /// What to write where.
    #[must_use]
    pub fn advice(&self) -> String {
        let provider = match self {
            Unpriced::Missing(provider) | Unpriced::Free(provider) => provider,
            Unpriced::Currency(_, _, currency) => return format!("most = {{ money = \"0.10 {currency}\" }}"),
        };
        let (price, note) = match provider.tier {
            Tier::Local => ("0", ""),
            _ => ("0.00", " # what the provider charges, above 0"),
        };
        format!(
            "add to tariff.toml:\n[[model]]\nname = {}\ninput-per-million = \"{price}\"{note}\noutput-per-million = \
             \"{price}\"{note}",
            toml::Value::String(provider.model.clone())
        )
    }
}

impl Tariff {
    /// Finds each provider's price, in the order of the policy. A tariff without a currency, which can't be read, has
    /// none.
    ///
    /// # Errors
    /// For the first provider without a price, and for one that is free though it is somebody else's: a budget in
    /// money would not hold it.
    pub fn priced(&self, providers: &[Provider]) -> Result<Vec<PricedProvider>, Unpriced> {
        let priced = providers.iter().map(|provider| {
            let own = || Box::new(provider.clone());
            let price = self.models.iter().find(|price| price.name == provider.model);
            let (price, currency) =
                price.zip(self.currency().ok()).ok_or_else(|| Unpriced::Missing(own()))?;
            match price.is_free() && provider.tier != Tier::Local {
                true => Err(Unpriced::Free(own())),
                false => Ok(PricedProvider { provider: provider.clone(), price: price.clone(), currency }),
            }
        });
        priced.collect()
    }

    /// Holds the bounds that rules put on money against the currency of the prices.
    ///
    /// # Errors
    /// For the first rule that bounds money in another currency.
    pub fn check_bounds(&self, rules: &[Rule]) -> Result<(), Unpriced> {
        let Ok(own) = self.currency() else { return Ok(()) };
        for rule in rules {
            let Authority::Inference(grant) = &rule.authority else { continue };
            if let Some(most) = grant.money_max.as_ref().filter(|most| most.currency != own) {
                return Err(Unpriced::Currency(rule.id.clone(), most.currency, own));
            }
        }
        Ok(())
    }

    /// Each model stands once, and none earns money by being asked.
    pub(super) fn check_models(&self) -> Result<(), String> {
        for (number, price) in self.models.iter().enumerate() {
            let name = &price.name;
            if self.models.iter().take(number).any(|other| other.name == *name) {
                return Err(format!("the model `{name}` has two prices"));
            }
            if price.input_per_million.is_sign_negative() || price.output_per_million.is_sign_negative() {
                return Err(format!("the model `{name}` has a price below 0"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::money::{EXAMPLE_TARIFF, PinnedTariff};
    use crate::quantity::Span;

    fn tariff(models: &str) -> Result<Tariff, String> {
        let text = format!("{EXAMPLE_TARIFF}\n{models}");
        PinnedTariff::parse(&text).map(|pinned| pinned.tariff).map_err(|error| error.to_string())
    }

    fn model(name: &str, input: &str, output: &str) -> String {
        format!(
            "[[model]]\nname = \"{name}\"\ninput-per-million = \"{input}\"\noutput-per-million = \"{output}\"\n"
        )
    }

    fn provider(tier: Tier, model: &str) -> Provider {
        Provider {
            id: "desk".parse().unwrap(),
            tier,
            base: "http://127.0.0.1:11434/v1/".parse().unwrap(),
            addresses: Vec::new(),
            model: model.into(),
            secret: None,
            vouched_by: None,
            timeout: Span(1_000),
            limit: crate::inference::LimitKey::default(),
        }
    }

    #[test]
    fn an_answer_costs_its_tokens_exactly() {
        let tariff = tariff(&model("m", "0.15", "0.60")).unwrap();
        let cost = |tokens_in, tokens_out| {
            let cost = tariff.models[0].cost(tariff.currency().unwrap(), tokens_in, tokens_out);
            cost.map_or_else(|error| error.to_string(), |money| money.to_string())
        };
        assert_eq!(cost(0, 0), "0.00 EUR");
        assert_eq!(cost(1_000_000, 0), "0.15 EUR");
        assert_eq!(cost(1, 1), "0.00000075 EUR");
        assert_eq!(cost(1_234, 567), "0.0005253 EUR");
        let most = tariff_of_most();
        assert_eq!(most.cost("EUR".parse().unwrap(), u64::MAX, 1), Err(MoneyError::Overflow));
    }

    fn tariff_of_most() -> ModelPrice {
        let most = Decimal::MAX;
        ModelPrice { name: "m".into(), input_per_million: most, output_per_million: most }
    }

    #[test]
    fn the_example_tariff_prices_what_its_comments_say() {
        let used = |line: &str| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        };
        let text: String = EXAMPLE_TARIFF.lines().map(used).collect();
        assert_eq!(PinnedTariff::parse(&text).unwrap().tariff.models.len(), 2);
    }

    #[test]
    fn a_model_has_one_price_that_is_not_below_nothing() {
        let told = |text: &str| tariff(text).map_or_else(|error| error, |_| "read".into());
        assert_eq!(told(&[model("m", "0", "0"), model("n", "1", "2")].concat()), "read");
        insta::assert_snapshot!(told(&[model("m", "0", "0"), model("m", "1", "2")].concat()), @r#"
        the tariff cannot be read: the model `m` has two prices
        "#);
        insta::assert_snapshot!(told(&model("m", "-1", "0")), @r#"
        the tariff cannot be read: the model `m` has a price below 0
        "#);
        insta::assert_snapshot!(told(&model("m", "0", "-0.1")), @r#"
        the tariff cannot be read: the model `m` has a price below 0
        "#);
    }

    #[test]
    fn only_a_local_model_is_free_and_none_is_unknown() {
        let priced = |tier, input: &str, name| {
            let tariff = tariff(&model("m", input, input)).unwrap();
            match tariff.priced(&[provider(tier, name)]) {
                Ok(priced) => format!("{} for {}", priced[0].price.input_per_million, priced[0].provider.id),
                Err(unpriced) => format!("{unpriced}\n{}", unpriced.advice()),
            }
        };
        assert_eq!(priced(Tier::Local, "0", "m"), "0 for desk");
        assert_eq!(priced(Tier::Cheap, "0.1", "m"), "0.1 for desk");
        insta::assert_snapshot!(priced(Tier::Cheap, "0", "m"), @r#"
        the model `m` of the provider `desk` costs nothing by the tariff; only tier `local` may
        add to tariff.toml:
        [[model]]
        name = "m"
        input-per-million = "0.00" # what the provider charges, above 0
        output-per-million = "0.00" # what the provider charges, above 0
        "#);
        insta::assert_snapshot!(priced(Tier::Local, "0", "other"), @r#"
        the provider `desk` asks the model `other`, which has no price in the tariff
        add to tariff.toml:
        [[model]]
        name = "other"
        input-per-million = "0"
        output-per-million = "0"
        "#);
        insta::assert_snapshot!(priced(Tier::Frontier, "0", "a\"b"), @r#"
        the provider `desk` asks the model `a"b`, which has no price in the tariff
        add to tariff.toml:
        [[model]]
        name = 'a"b'
        input-per-million = "0.00" # what the provider charges, above 0
        output-per-million = "0.00" # what the provider charges, above 0
        "#);
    }
}
