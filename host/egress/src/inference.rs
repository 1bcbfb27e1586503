//! Asking models: the providers of a tier in the policy's order, each a few times, until one answers.
//!
//! Every server that speaks the OpenAI-compatible interface will do, on the operator's own machine or elsewhere. An
//! answer is asked for whole and never as a stream: it counts only when all of it came, so that a cut one can't pass
//! for a short one, and a secret in it is found wherever it stands.
//!
//! Reading order: `openai` writes the request and reads the answer, `retry` says whether to ask again and when,
//! `reserve` holds the worst a call could cost against what is left and settles what it did cost.

mod openai;
mod reserve;
mod retry;

use crate::HttpEgress;
use kapell_model::crossing::Completion;
use kapell_model::digest::Digest;
use kapell_model::http::{HttpGrant, Injection, Method};
use kapell_model::id::RuleId;
use kapell_model::inference::{Answering, PricedProvider, Provider};
use kapell_model::quantity::Bytes;
use kapell_model::seam::{Completed, CompletionFailure, Egress as _, Outgoing, Prompt};
use openai::Said;
use reserve::{Purse, Settled};
use retry::{Again, Cost, Trouble};
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// Most bytes of a provider's answer, head and body: far more than any model says at one time.
const ANSWER_MAX: u64 = 4 << 20;

/// The models that may be asked, with what they cost.
pub struct Models {
    providers: Vec<PricedProvider>,
    pace: Arc<dyn Pace>,
    seed: u64,
}

impl Models {
    /// Providers in the order they are tried. What hosts wait before they ask again differs from host to host, so
    /// that they do not come back all at once.
    #[must_use]
    pub fn new(providers: Vec<PricedProvider>) -> Self {
        Self { providers, pace: Arc::new(RealPace), seed: RandomState::new().hash_one(()) }
    }

    /// The same with time and chance of the caller's.
    #[cfg(test)]
    pub(crate) fn paced(self, pace: Arc<dyn Pace>, seed: u64) -> Self {
        Self { pace, seed, ..self }
    }

    /// Who answers a prompt: those it is granted, as they are now. One that is another by now is nobody.
    fn of(&self, prompt: &Prompt) -> impl Iterator<Item = &PricedProvider> {
        let is = |it: &&PricedProvider, granted: &Answering| {
            it.provider.tier == prompt.tier && it.provider.answering() == *granted
        };
        let found = move |granted: &Answering| self.providers.iter().find(|it| is(it, granted));
        prompt.answered_by.iter().filter_map(found)
    }
}

/// Time between one attempt and the next; a test lets it pass at once.
pub(crate) trait Pace: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Instant;

    /// Lets so much time pass.
    fn wait(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

struct RealPace;

impl Pace for RealPace {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wait(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// Why one provider did not answer.
enum Silence {
    /// It could cost more than is left of this.
    Short(&'static str),
    /// It was asked, or would have been.
    Failed(String),
}

impl HttpEgress {
    /// Asks the providers of the prompt's tier until one answers.
    pub(crate) async fn ask(&self, prompt: &Prompt) -> Result<Completed, CompletionFailure> {
        let mut purse = Purse::new(prompt);
        let mut silent: Vec<(&PricedProvider, Silence)> = Vec::new();
        for priced in self.models.of(prompt) {
            match self.ask_provider(priced, prompt, &mut purse).await {
                Ok((said, settled)) => {
                    return Ok(self.completed(priced, prompt, said, settled, told(&silent)));
                }
                Err(silence) => silent.push((priced, silence)),
            }
            if self.models.pace.now() >= prompt.until {
                break;
            }
        }
        Err(self.gave_up(prompt, &purse, &silent))
    }

    /// Asks one provider, again where that may help, within its own time and the prompt's.
    async fn ask_provider(
        &self,
        priced: &PricedProvider,
        prompt: &Prompt,
        purse: &mut Purse,
    ) -> Result<(Said, Settled), Silence> {
        let pace = &self.models.pace;
        let until = prompt.until.min(pace.now() + Duration::from_millis(priced.provider.timeout.0));
        let mut tries = 0;
        loop {
            tries += 1;
            let reservation = purse.reserve(prompt, priced).map_err(Silence::Short)?;
            prompt.at_stake.set(purse.at_worst(&reservation));
            let trouble = match self.ask_once(&priced.provider, prompt, until).await {
                Ok(said) => {
                    let settled = purse.settle(priced, reservation, said.usage);
                    return Ok((said, settled));
                }
                Err(trouble) => trouble,
            };
            purse.lose(priced, reservation, &trouble.cost);
            prompt.at_stake.set(purse.lost().map(|lost| lost.money.clone()));
            let left = until.saturating_duration_since(pace.now());
            match retry::wait(trouble.again, tries, left, self.models.seed) {
                Some(time) => pace.wait(time).await,
                None => return Err(Silence::Failed(trouble.told(tries))),
            }
        }
    }

    /// One request, one answer.
    async fn ask_once(&self, provider: &Provider, prompt: &Prompt, until: Instant) -> Result<Said, Trouble> {
        let incoming = self.send(outgoing(provider, prompt, until)?).await?;
        openai::read(&incoming)
    }

    fn completed(
        &self,
        priced: &PricedProvider,
        prompt: &Prompt,
        said: Said,
        settled: Settled,
        failed: Vec<(RuleId, String)>,
    ) -> Completed {
        // The answer was redacted as it came; what only its escapes hid is found here.
        let clean = |text: String| {
            self.vault.redactor().and_then(|redactor| redactor.redacted_text(&text)).unwrap_or(text)
        };
        let text = clean(said.text);
        let record = Completion {
            provider: priced.provider.id.clone(),
            failed,
            model: clean(said.model.unwrap_or_else(|| priced.provider.model.clone())),
            prompt: Digest::of(prompt.text.as_bytes()),
            text: Digest::of(text.as_bytes()),
            tokens_in: settled.tokens_in,
            tokens_out: settled.tokens_out,
            money: settled.money,
            counted: settled.counted,
            lost: settled.lost,
            truncated: said.truncated,
        };
        Completed { text, record }
    }

    fn gave_up(
        &self,
        prompt: &Prompt,
        purse: &Purse,
        silent: &[(&PricedProvider, Silence)],
    ) -> CompletionFailure {
        let Some((first, silence)) = silent.first() else {
            return CompletionFailure::NoProvider(prompt.tier);
        };
        let all_short = silent.iter().all(|(_, silence)| matches!(silence, Silence::Short(_)));
        match (silence, purse.lost()) {
            (Silence::Short(what), None) if all_short => CompletionFailure::Budget(what),
            (_, None) if self.models.pace.now() >= prompt.until => CompletionFailure::TimedOut,
            (_, lost) => {
                let (tokens, money) = match lost {
                    Some(lost) => (lost.tokens, lost.money.clone()),
                    None => (0, kapell_model::money::Money::zero(first.currency)),
                };
                CompletionFailure::Failed { failed: told(silent), money, tokens }
            }
        }
    }
}

fn told(silent: &[(&PricedProvider, Silence)]) -> Vec<(RuleId, String)> {
    let why = |silence: &Silence| match silence {
        Silence::Short(what) => format!("it could cost more than the {what} that are left"),
        Silence::Failed(why) => why.clone(),
    };
    silent.iter().map(|(priced, silence)| (priced.provider.id.clone(), why(silence))).collect()
}

/// The request, under a grant for this provider alone.
fn outgoing(provider: &Provider, prompt: &Prompt, until: Instant) -> Result<Outgoing, Trouble> {
    let url = format!("{}chat/completions", provider.base);
    let url: Url = url.parse().map_err(|_| Trouble {
        why: "it is bound to no one place".into(),
        again: Again::No,
        cost: Cost::Nothing,
    })?;
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    Ok(Outgoing {
        grant: grant(provider),
        method: Method::Post,
        url,
        headers: vec![
            header("content-type", "application/json"),
            header("accept", "application/json"),
            header("user-agent", concat!("kapell/", env!("CARGO_PKG_VERSION"))),
        ],
        body: openai::request(provider, prompt).into(),
        received_max: ANSWER_MAX,
        until,
        idempotency_key: None,
    })
}

fn grant(provider: &Provider) -> HttpGrant {
    let bearer = |secret: &kapell_model::secret::Secret| Injection {
        header: "authorization".into(),
        before: "Bearer ".into(),
        secret: secret.clone(),
        after: String::new(),
    };
    HttpGrant {
        target: provider.base.clone(),
        methods: [Method::Post].into(),
        addresses: provider.addresses.clone(),
        inject: provider.secret.iter().map(bearer).collect(),
        vouched_by: provider.vouched_by.clone(),
        calls_max: 1,
        sent_max: Bytes(u64::MAX),
        received_max: Bytes(ANSWER_MAX),
        hosts_max: 1,
    }
}
