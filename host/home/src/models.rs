//! The models of a home: who the policy says answers for each tier, with what the tariff says it costs.

use crate::error::{HomeError, Kind};
use kapell_model::inference::PricedProvider;
use kapell_model::money::Tariff;
use kapell_model::policy::Policy;

/// Every provider with its price. What can't be priced can't be held against a budget, so that a home with such a
/// provider does not open.
///
/// # Errors
/// When a provider has no price, or a rule bounds money in a currency that no price is in.
pub(crate) fn priced(policy: &Policy, tariff: &Tariff) -> Result<Vec<PricedProvider>, HomeError> {
    let checked = tariff.check_bounds(&policy.rules).and_then(|()| tariff.priced(&policy.providers));
    checked.map_err(|unpriced| HomeError::new(Kind::Invalid, unpriced.to_string()).hint(unpriced.advice()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use kapell_model::money::{EXAMPLE_TARIFF, PinnedTariff};
    use kapell_model::policy::Surroundings;
    use std::path::Path;

    fn told(policy: &str, tariff: &str) -> String {
        let surroundings = Surroundings { folder: Path::new("/project"), closed: &[], links: |_| false };
        let policy = Policy::parse("policy.toml", &format!("version = 1\n{policy}"), surroundings).unwrap();
        let tariff = PinnedTariff::parse(&format!("{EXAMPLE_TARIFF}\n{tariff}")).unwrap();
        match priced(&policy, &tariff.tariff) {
            Ok(priced) => format!("{} priced", priced.len()),
            Err(error) => format!("{:?}: {error}\n{}", error.kind, error.hint.as_deref().unwrap()),
        }
    }

    const PROVIDER: &str = "[[provider]]\nid = \"desk\"\ntier = \"local\"\nbind = \"http://127.0.0.1:8080/v1/\"\nmodel = \"m\"\n";
    const PRICE: &str = "[[model]]\nname = \"m\"\ninput-per-million = \"0\"\noutput-per-million = \"0\"\n";

    fn rule(money: &str) -> String {
        format!(
            "[[rule]]\nid = \"r\"\nskill = \"a:b\"\nkind = \"inference\"\nname = \"local\"\nmost = {{ money = \"{money}\" }}\n"
        )
    }

    #[test]
    fn a_home_opens_only_with_prices_that_can_be_held_against_its_budgets() {
        assert_eq!(told("", ""), "0 priced");
        assert_eq!(told(PROVIDER, PRICE), "1 priced");
        assert_eq!(told(&rule("1 EUR"), ""), "0 priced");
        insta::assert_snapshot!(told(PROVIDER, ""), @r#"
        Invalid: the provider `desk` asks the model `m`, which has no price in the tariff
        add to tariff.toml:
        [[model]]
        name = "m"
        input-per-million = "0"
        output-per-million = "0"
        "#);
        insta::assert_snapshot!(told(&rule("1 USD"), ""), @r#"
        Invalid: the rule `r` bounds money in USD, and the tariff's prices are in EUR
        most = { money = "0.10 EUR" }
        "#);
    }
}
