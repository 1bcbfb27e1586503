//! Asking a model by tier: the words of the `inference` capability.
//!
//! A skill names a tier, never a model or a provider: the operator says which provider answers for it, in which order
//! others follow when one fails, and what a token costs.

use crate::http::{CertificateAuthority, Hosts, Target};
use crate::id::RuleId;
use crate::money::{Currency, ModelPrice, Money, MoneyError};
use crate::quantity::Span;
use crate::secret::Secret;
use core::net::IpAddr;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How dear a model may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// On the operator's own machines. That nothing leaves them is not said by the word but by where the providers
    /// are bound: [`InferenceGrant::stays_in_house`].
    Local,
    /// A hosted model for the many simple cases.
    Cheap,
    /// A hosted model for the few hard ones.
    Frontier,
}

impl Tier {
    /// Every tier, the cheapest first.
    pub const ALL: [Tier; 3] = [Tier::Local, Tier::Cheap, Tier::Frontier];

    /// The word in manifests, policies and WIT.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Tier::Local => "local",
            Tier::Cheap => "cheap",
            Tier::Frontier => "frontier",
        }
    }

    pub(crate) fn words() -> [(&'static str, Self); 3] {
        Self::ALL.map(|tier| (tier.word(), tier))
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How much an attempt may ask of one tier: one inference grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InferenceGrant {
    /// The tier.
    pub tier: Tier,
    /// Most completions an attempt may ask for.
    pub calls_max: u64,
    /// Most tokens, prompts and answers together; reserved before a call, settled after it.
    pub tokens_max: u64,
    /// Most money, reserved and settled likewise; none when no price is to be paid at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money_max: Option<Money>,
    /// Who is asked, in this order: where prompts go is granted and approved as much as how many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered_by: Vec<Answering>,
}

/// Where prompts go: all of a provider but how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answering {
    /// See [`Provider::id`].
    pub id: RuleId,
    /// See [`Provider::base`].
    pub base: Target,
    /// See [`Provider::addresses`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpNet>,
    /// See [`Provider::model`].
    pub model: String,
    /// See [`Provider::secret`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// See [`Provider::vouched_by`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouched_by: Option<CertificateAuthority>,
}

impl Answering {
    /// A private address counts where the policy names it: another is not reached. A name does not: whoever answers for
    /// it says where it leads.
    fn is_in_house(&self) -> bool {
        let Hosts::One(host) = &self.base.hosts else { return false };
        let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() else { return false };
        let named = self.addresses.iter().any(|net| net.contains(&address));
        match address.to_canonical() {
            own if own.is_loopback() => true,
            IpAddr::V4(address) => named && address.is_private(),
            IpAddr::V6(address) => named && address.is_unique_local(),
        }
    }
}

impl fmt::Display for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} at {}", self.id, self.model, self.base)?;
        self.addresses.iter().try_for_each(|net| write!(f, ", at {net}"))?;
        self.secret.iter().try_for_each(|secret| write!(f, ", with {{{secret}}}"))?;
        self.vouched_by.iter().try_for_each(|by| write!(f, ", vouched for by {by}"))?;
        f.write_str(")")
    }
}

impl InferenceGrant {
    /// What both permit; none for different tiers. Money of two currencies can't be compared, so they permit nothing
    /// together. Both ask the same providers as far as they name the same ones first: with another one before it, a
    /// provider is not asked what it was asked.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Option<Self> {
        let money_max = match (&self.money_max, &other.money_max) {
            (Some(one), Some(two)) if one.currency != two.currency => return None,
            (Some(one), Some(two)) => Some(one.min(two).clone()),
            _ => None,
        };
        (self.tier == other.tier).then(|| Self {
            tier: self.tier,
            calls_max: self.calls_max.min(other.calls_max),
            tokens_max: self.tokens_max.min(other.tokens_max),
            money_max,
            answered_by: self.asked_alike(other),
        })
    }

    /// Whether no prompt leaves the house: the tier says so, and whoever answers is bound to an address that is the
    /// machine's own or private.
    #[must_use]
    pub fn stays_in_house(&self) -> bool {
        self.tier == Tier::Local && self.answered_by.iter().all(Answering::is_in_house)
    }

    fn asked_alike(&self, other: &Self) -> Vec<Answering> {
        let both = self.answered_by.iter().zip(&other.answered_by);
        both.take_while(|(one, two)| one == two).map(|(one, _)| one.clone()).collect()
    }
}

/// Tokens that a provider's template adds to a prompt at most: roles, marks of beginning and end, a line or two that
/// the model was trained to begin with.
const TEMPLATE_TOKENS: u64 = 128;

/// The smallest call there is: one byte of prompt, one token of answer.
pub const CALL_TOKENS_MIN: u64 = TEMPLATE_TOKENS + 2;

/// Tokens that go in with so many bytes of prompt at most. A token is one byte at least: about four times what English
/// text has, so that a budget never ends in the middle of a call.
#[must_use]
pub const fn tokens_in_at_most(bytes: u64) -> u64 {
    bytes.saturating_add(TEMPLATE_TOKENS)
}

/// One place that answers for a tier, by an OpenAI-compatible interface (`POST {base}chat/completions`). Several of a
/// tier are tried in the order of the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Its id in the policy; stands in the crossing.
    pub id: RuleId,
    /// The tier it answers for.
    pub tier: Tier,
    /// Origin and path prefix, ending with `/`, such as `http://127.0.0.1:11434/v1/`.
    pub base: Target,
    /// Special addresses it may be at; see [`crate::http::HttpGrant::addresses`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpNet>,
    /// The model's name there; its price stands in the tariff.
    pub model: String,
    /// The secret sent as `Authorization: Bearer`, if it wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// Who vouches for it; none for whoever browsers trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouched_by: Option<CertificateAuthority>,
    /// How long it may take, retries and the waiting between them included, before the next provider is tried.
    pub timeout: Span,
    /// What it calls the most tokens an answer may have.
    #[serde(default)]
    pub limit: LimitKey,
}

impl Provider {
    /// What is granted of it.
    #[must_use]
    pub fn answering(&self) -> Answering {
        Answering {
            id: self.id.clone(),
            base: self.base.clone(),
            addresses: self.addresses.clone(),
            model: self.model.clone(),
            secret: self.secret.clone(),
            vouched_by: self.vouched_by.clone(),
        }
    }
}

/// How a provider wants to be told the most tokens of an answer. Most know `max_tokens`; some hosted models that
/// reason refuse it and want the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKey {
    /// `max_tokens`.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

impl LimitKey {
    /// The key in the request, which is also the word in the policy.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            LimitKey::MaxTokens => "max_tokens",
            LimitKey::MaxCompletionTokens => "max_completion_tokens",
        }
    }

    pub(crate) fn words() -> [(&'static str, Self); 2] {
        [Self::MaxTokens, Self::MaxCompletionTokens].map(|key| (key.word(), key))
    }
}

/// A provider with what its model costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedProvider {
    /// The provider.
    pub provider: Provider,
    /// The price of its model.
    pub price: ModelPrice,
    /// The currency of the price.
    pub currency: Currency,
}

impl PricedProvider {
    /// What a prompt and its answer cost.
    ///
    /// # Errors
    /// When the amount leaves the range of a decimal.
    pub fn cost(&self, tokens_in: u64, tokens_out: u64) -> Result<Money, MoneyError> {
        self.price.cost(self.currency, tokens_in, tokens_out)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;
    use crate::grant::Authority;
    use crate::mark::Mark;

    fn is_way_out(tier: Tier, bound: &[(&str, &str)]) -> bool {
        let answering = |(base, net): &(&str, &str)| Answering {
            id: "desk".parse().unwrap(),
            base: base.parse().unwrap(),
            addresses: net.split_whitespace().map(|net| net.parse().unwrap()).collect(),
            model: "m".into(),
            secret: None,
            vouched_by: None,
        };
        let answered_by = bound.iter().map(answering).collect();
        let grant = InferenceGrant { tier, calls_max: 1, tokens_max: 1, money_max: None, answered_by };
        Authority::Inference(grant).usual_marks().contains(&Mark::Outbound)
    }

    /// The word alone keeps nothing in the house.
    #[test]
    fn a_local_model_is_no_way_out_where_it_is_bound_in_the_house() {
        let own = ("http://127.0.0.1:11434/v1/", "127.0.0.1/32");
        let private = ("https://10.1.2.3/v1/", "10.1.0.0/16");
        for bound in
            [own, private, ("http://[::1]:8080/v1/", "::1/128"), ("https://[fd00::7]/v1/", "fd00::/64")]
        {
            assert!(!is_way_out(Tier::Local, &[bound]), "{}", bound.0);
            assert!(is_way_out(Tier::Cheap, &[bound]), "a gateway to a hosted one");
        }
        let outside = [
            ("https://api.openai.com/v1/", ""),
            ("https://gpu.acme.example/v1/", "10.1.0.0/16"),
            ("https://10.1.2.3/v1/", "10.2.0.0/16"),
            ("https://8.8.8.8/v1/", "8.8.8.8/32"),
            ("https://[2001:db8::1]/v1/", "2001:db8::/64"),
            ("http://169.254.169.254/v1/", "169.254.169.254/32"),
        ];
        for bound in outside {
            assert!(is_way_out(Tier::Local, &[bound]), "{}", bound.0);
            assert!(is_way_out(Tier::Local, &[own, bound]), "one of them is enough: {}", bound.0);
        }
    }
}
