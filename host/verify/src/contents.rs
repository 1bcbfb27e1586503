//! What entries name by digest: whether it is here, under its own digest and no other, and what of it was kept back.

use crate::approvals::{Approvals, Standing};
use crate::course::Due;
use crate::digest::{self, Hash as Digest, Map, Set, hex};
use crate::entry::{self, Dropped, Role};
use crate::held::Held;
use crate::report::{self, Place, Report, count};
use crate::wasm;
use std::collections::{BTreeMap, BTreeSet};

/// Most runs whose contents were let go that are told one by one.
const TOLD: usize = 8;

/// The folders of a bundle whose files have digests for names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Folder {
    Plans,
    Tariffs,
    Manifests,
    Crossings,
    Blobs,
    Components,
    Private,
}

impl Folder {
    pub(crate) const ALL: [Folder; 7] = [
        Folder::Plans,
        Folder::Tariffs,
        Folder::Manifests,
        Folder::Crossings,
        Folder::Blobs,
        Folder::Components,
        Folder::Private,
    ];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Folder::Plans => "plans",
            Folder::Tariffs => "tariffs",
            Folder::Manifests => "manifests",
            Folder::Crossings => "crossings",
            Folder::Blobs => "blobs",
            Folder::Components => "components",
            Folder::Private => "private",
        }
    }

    /// Whether a home is never without what is named of it.
    const fn is_always_kept(self) -> bool {
        matches!(self, Folder::Plans | Folder::Tariffs | Folder::Components)
    }

    /// So many files of it.
    fn files(self, number: u64) -> String {
        match self {
            Folder::Crossings => count(number, "record of crossings", "records of crossings"),
            Folder::Private => count(number, "private content", "private contents"),
            _ => count(number, self.word().trim_end_matches('s'), self.word()),
        }
    }

    /// Where what a role names is kept; nowhere for what was erased or let go.
    const fn of(role: Role) -> Option<Self> {
        match role {
            Role::Plan => Some(Folder::Plans),
            Role::Tariff => Some(Folder::Tariffs),
            Role::Crossings => Some(Folder::Crossings),
            Role::Blob | Role::Rests => Some(Folder::Blobs),
            Role::Component => Some(Folder::Components),
            Role::Commitment | Role::Told => Some(Folder::Private),
            Role::Erased | Role::Dropped => None,
        }
    }
}

/// Why something that is named is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Absent {
    NotKept,
    Withheld,
    Erased,
    Dropped,
}

impl Absent {
    fn read(word: &str) -> Option<Self> {
        match word {
            "not-kept" => Some(Absent::NotKept),
            "withheld" => Some(Absent::Withheld),
            "erased" => Some(Absent::Erased),
            "dropped" => Some(Absent::Dropped),
            _ => None,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Absent::NotKept => "not kept by the home, as whoever made this file says",
            Absent::Withheld => "withheld by whoever made this file",
            Absent::Erased => "erased",
            Absent::Dropped => "not kept any longer, by policy",
        }
    }
}

/// The first entry that names something: its run's place and its number.
pub(crate) type By = (usize, u64);

/// Something that is named.
struct Named {
    by: By,
    here: bool,
    /// The first run that names it, or what keeps it for ever; further runs stand aside.
    keeper: Keeper,
}

/// What keeps something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeper {
    /// The run at that place.
    Run(usize),
    /// More than a run, and for ever: something that is here and names it, or that a run rests on it.
    Always,
}

/// Everything that entries name, and what of it was found.
#[derive(Default)]
pub(crate) struct Contents {
    named: Map<(Folder, Digest), Named>,
    /// What was said to be erased.
    erased: Set<Digest>,
    /// Each time that was done, in words.
    erasures: Vec<String>,
    /// What was let go, by which runs; it is gone once no other keeps it.
    dropped: Map<Digest, Vec<usize>>,
    /// Each time that was done: the run, when, and by which rule.
    let_go: Vec<(String, u64, Dropped)>,
    /// The further runs that name something.
    keepers: Map<(Folder, Digest), Vec<usize>>,
    /// What entries leave out.
    told: Set<Digest>,
    /// Private contents that are here and that nothing named yet: what names them may stand behind them.
    unnamed: BTreeSet<Digest>,
    /// What is to be held against plans and tariffs.
    held: Held,
    /// The manifest of a component, by digest, and whether the component bore it out.
    manifests: Map<Digest, (Digest, bool)>,
    approvals: Option<Approvals>,
    /// Components that are not here, as the file says.
    absent: Vec<Digest>,
    kept_back: BTreeMap<(Folder, Absent), u64>,
    found: BTreeMap<Folder, u64>,
}

impl Contents {
    /// An entry names something.
    pub(crate) fn name(&mut self, role: Role, named: Digest, by: By) {
        let keeper = if role == Role::Rests { Keeper::Always } else { Keeper::Run(by.0) };
        self.name_for(role, named, by, keeper);
    }

    fn name_for(&mut self, role: Role, named: Digest, by: By, keeper: Keeper) {
        match role {
            Role::Plan => self.held.planned(by.0, named),
            Role::Tariff => self.held.priced(by.0, named),
            Role::Component => self.held.ran(by.0),
            Role::Told => drop(self.told.insert(named)),
            Role::Erased => drop(self.erased.insert(named)),
            Role::Dropped => self.dropped.entry(named).or_default().push(by.0),
            _ => {}
        }
        if let Some(folder) = Folder::of(role) {
            let here = folder == Folder::Private && self.unnamed.remove(&named);
            let known = self.named.entry((folder, named)).or_insert(Named { by, here, keeper });
            match (known.keeper, keeper) {
                (Keeper::Always, _) => {}
                (_, Keeper::Always) => known.keeper = Keeper::Always,
                (Keeper::Run(first), Keeper::Run(run)) if first == run => {}
                (_, Keeper::Run(run)) => {
                    let more = self.keepers.entry((folder, named)).or_default();
                    if more.last() != Some(&run) {
                        more.push(run);
                    }
                }
            }
        }
    }

    /// How something is gone that entries name; none for what is not.
    fn gone(&self, name: &Digest) -> Option<Absent> {
        match () {
            () if self.erased.contains(name) => Some(Absent::Erased),
            () if self.dropped.contains_key(name) && !Folder::ALL.iter().any(|it| self.keeps(*it, name)) => {
                Some(Absent::Dropped)
            }
            () => None,
        }
    }

    /// Whether something is kept that some runs let go: by what keeps it for ever, or by a run that is none of those.
    fn keeps(&self, folder: Folder, name: &Digest) -> bool {
        let (named, more) = (self.named.get(&(folder, *name)), self.keepers.get(&(folder, *name)));
        let let_go: Set<usize> = self.dropped.get(name).into_iter().flatten().copied().collect();
        let by_run = |run: &usize| !let_go.contains(run);
        match named.map(|named| named.keeper) {
            None => false,
            Some(_) if folder.is_always_kept() => true,
            Some(Keeper::Always) => true,
            Some(Keeper::Run(first)) => by_run(&first) || more.into_iter().flatten().any(by_run),
        }
    }

    /// Contents of a run were let go.
    pub(crate) fn let_go(&mut self, run: &str, at: u64, rule: Dropped) {
        self.let_go.push((run.to_owned(), at, rule));
    }

    /// When a run began.
    pub(crate) fn began(&mut self, run: usize, at: u64) {
        self.held.began(run, at);
    }

    /// Something is to be held against the plan or the tariff of an entry's run.
    pub(crate) fn due(&mut self, due: Due<'_>, by: By) {
        self.held.due(due, by);
    }

    /// Somebody had what was private in a run erased.
    pub(crate) fn erasure(&mut self, run: &str, at: u64, by: &str, reason: &str) {
        let words = |text: &str| text.escape_debug().to_string();
        let (day, by, reason) = (report::day(at), words(by), words(reason));
        self.erasures.push(format!("what was private in {run}: on {day} by {by} because {reason}"));
    }

    /// A file of one of the folders.
    pub(crate) fn file(&mut self, folder: Folder, name: &str, bytes: &[u8], report: &mut Report) {
        let place = || Place::Member(format!("{}/{name}", folder.word()));
        let Some(stated) = digest::read(name) else {
            return report.broken("contents", place(), "its name is no digest");
        };
        if folder == Folder::Manifests {
            return self.manifest(stated, bytes, place(), report);
        }
        if folder == Folder::Private {
            return self.private(stated, bytes, place(), report);
        }
        if digest::of(&[bytes]) != stated {
            return report.broken("contents", place(), "its bytes have another digest than its name");
        }
        if self.gone(&stated).is_some() {
            return report.broken("contents", place(), "an entry says that it was let go");
        }
        let Some(named) = self.named.get_mut(&(folder, stated)) else {
            return report.broken("contents", place(), "no entry names it");
        };
        named.here = true;
        let by = named.by;
        *self.found.entry(folder).or_default() += 1;
        match folder {
            Folder::Components => self.bears_out(stated, bytes, report),
            _ => {
                if let Err(why) = self.within(folder, stated, bytes, by) {
                    report.broken("contents", place(), why);
                }
            }
        }
    }

    /// Holds what is told of a component against its bytes.
    fn bears_out(&mut self, component: Digest, bytes: &[u8], report: &mut Report) {
        let own = wasm::manifest(bytes).map(|own| digest::of(&[own]));
        let why = match (self.manifests.get_mut(&component), own) {
            (None, None) => return,
            (Some((told, borne_out)), Some(own)) if *told == own => return *borne_out = true,
            (None, Some(_)) => "it is not here, and its component carries one",
            (Some(_), _) => "its component carries another manifest",
        };
        let place = Place::Member(format!("manifests/{}", hex(&component)));
        report.broken("contents", place, why);
    }

    /// A salt and what a commitment is of.
    fn private(&mut self, stated: Digest, bytes: &[u8], place: Place, report: &mut Report) {
        let opened =
            bytes.split_first_chunk().filter(|(salt, bytes)| digest::commitment(salt, bytes) == Some(stated));
        let Some((_, bytes)) = opened else {
            return report.broken("private", place, "its commitment is not of what is here");
        };
        match self.gone(&stated) {
            None => {}
            Some(Absent::Erased) => {
                return report.broken("private", place, "an entry says that it was erased");
            }
            Some(_) => return report.broken("private", place, "an entry says that it was let go"),
        }
        *self.found.entry(Folder::Private).or_default() += 1;
        match self.named.get_mut(&(Folder::Private, stated)) {
            Some(named) => named.here = true,
            None => drop(self.unnamed.insert(stated)),
        }
        let Some(by) = self.named.get(&(Folder::Private, stated)).map(|named| named.by) else { return };
        if self.told.contains(&stated) {
            let mut more = Vec::new();
            if let Err(why) = entry::told(bytes, |named| more.push(named)) {
                report.broken("private", place, why);
            }
            more.into_iter().for_each(|named| self.name(Role::Commitment, named, by));
        }
    }

    /// What is named by what entries name.
    fn within(&mut self, folder: Folder, stated: Digest, bytes: &[u8], by: By) -> Result<(), String> {
        let mut more = Vec::new();
        match folder {
            Folder::Plans => {
                entry::plan(bytes, |named| more.push(named))?;
                self.held.plan(stated, bytes)?;
            }
            Folder::Tariffs => self.held.tariff(stated, bytes),
            Folder::Crossings => entry::crossings(bytes, |named| more.push(named))?,
            _ => {}
        }
        more.into_iter().for_each(|named| self.name_for(Role::Blob, named, by, Keeper::Always));
        Ok(())
    }

    fn manifest(&mut self, component: Digest, bytes: &[u8], place: Place, report: &mut Report) {
        match self.named.contains_key(&(Folder::Components, component)) {
            true => drop(self.manifests.insert(component, (digest::of(&[bytes]), false))),
            false => report.broken("contents", place, "no entry names the component it is of"),
        }
    }

    /// The approvals, as they were when the bundle was made.
    pub(crate) fn approvals(&mut self, bytes: &[u8], report: &mut Report) {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.approvals = Some(Approvals::read(text)),
            Err(_) => report.broken("approvals", Place::Member("approvals.toml".into()), "it is no text"),
        }
    }

    /// What the bundle says is not in it.
    pub(crate) fn kept_back(&mut self, bytes: &[u8], report: &mut Report) {
        let place = || Place::Member("withheld".into());
        let Ok(text) = std::str::from_utf8(bytes) else {
            return report.broken("withheld", place(), "it is no text");
        };
        if !text.is_empty() && !text.ends_with('\n') {
            report.broken("withheld", place(), "its last line is cut off");
        }
        for line in text.split_terminator('\n') {
            let named = line.split_once(' ').and_then(|(why, path)| Some((Absent::read(why)?, path)));
            match named.and_then(|(why, path)| Some((why, self.absent(why, path)?))) {
                Some((Absent::NotKept | Absent::Dropped, folder)) if folder.is_always_kept() => report
                    .broken(
                        "withheld",
                        place(),
                        format!("`{}` is what every home keeps", line.escape_debug()),
                    ),
                Some((why, folder)) => *self.kept_back.entry((folder, why)).or_default() += 1,
                None => report.broken(
                    "withheld",
                    place(),
                    format!("`{}` is nothing that is missing", line.escape_debug()),
                ),
            }
        }
    }

    /// The folder of something that is named and not here; from then on it is missed no more. Only what entries say was erased
    /// or let go was, and nothing else of it is said.
    fn absent(&mut self, why: Absent, path: &str) -> Option<Folder> {
        let (folder, name) = path.split_once('/')?;
        let folder = Folder::ALL.into_iter().find(|it| it.word() == folder)?;
        let name = digest::read(name)?;
        let says_gone = matches!(why, Absent::Erased | Absent::Dropped);
        if self.gone(&name) != says_gone.then_some(why) {
            return None;
        }
        let named = self.named.get_mut(&(folder, name))?;
        if std::mem::replace(&mut named.here, true) {
            return None;
        }
        self.absent.extend((folder == Folder::Components).then_some(name));
        Some(folder)
    }

    /// What is left to say of contents once everything was read; `run` is the id at a run's place.
    pub(crate) fn finish(&mut self, run: impl Fn(usize) -> String, report: &mut Report) {
        let place = |(run_at, seq): By| Place::Entry { run: Some(run(run_at)), seq, leaf: None };
        let mut missing: Vec<_> = self.named.iter().filter(|(_, named)| !named.here).collect();
        missing.sort_by_key(|((folder, hash), named)| (named.by, *folder, *hash));
        for ((folder, hash), named) in missing {
            report.broken(
                "contents",
                place(named.by),
                format!("names {}/{}, which is not here", folder.word(), hex(hash)),
            );
        }
        for commitment in &self.unnamed {
            let place = Place::Member(format!("{}/{}", Folder::Private.word(), hex(commitment)));
            report.broken("contents", place, "no entry names it");
        }
        self.tell(report);
        self.held.finish(place, report);
    }

    fn tell(&self, report: &mut Report) {
        let plain = self.found.iter().filter(|(folder, _)| **folder != Folder::Private);
        let found: Vec<String> = plain.map(|(folder, number)| folder.files(*number)).collect();
        if !found.is_empty() {
            report.holds("contents", format!("{}, each under its own digest", found.join(", ")));
        }
        if let Some(number) = self.found.get(&Folder::Private) {
            let files = Folder::Private.files(*number);
            report.holds("private", format!("{files}, each what its commitment is of"));
        }
        self.erasures.iter().for_each(|words| report.holds("erased", words));
        self.tell_let_go(report);
        let borne_out = self.manifests.values().filter(|(_, borne_out)| *borne_out).count() as u64;
        if borne_out > 0 {
            report.holds(
                "manifests",
                format!("{} of its component", count(borne_out, "is that", "are each that")),
            );
        }
        if self.manifests.len() as u64 > borne_out {
            report.unknown("manifests", "whether those without their component are its own");
        }
        let told = |component: &Digest| self.manifests.contains_key(component);
        let untold = self.absent.iter().filter(|component| !told(component)).count() as u64;
        if untold > 0 {
            let of = count(untold, "component", "components");
            report.unknown("manifests", format!("what {of} asked for: neither bytes nor manifest are here"));
        }
        for ((folder, why), number) in &self.kept_back {
            let (what, stands) = match folder {
                Folder::Private => ("private", "commitments"),
                _ => ("contents", "digests"),
            };
            let (files, why) = (folder.files(*number), why.words());
            report.unknown(what, format!("what is in {files}: {why}; only {stands} stand"));
        }
        self.tell_approvals(report);
    }

    /// Contents that were let go, each run by itself where there are few.
    fn tell_let_go(&self, report: &mut Report) {
        for (run, at, Dropped { kept, policy }) in self.let_go.iter().take(TOLD) {
            let (day, policy) = (report::day(*at), policy.map(|it| hex(&it)).unwrap_or_default());
            let kept = report::span(kept.unwrap_or_default());
            let by = policy.get(..12).unwrap_or_default();
            let words = format!(
                "the contents of {run}: not kept since {day}, by policy {by}, which keeps contents for {kept}"
            );
            report.holds("dropped", words);
        }
        let rest = self.let_go.len().saturating_sub(TOLD);
        if rest > 0 {
            report.holds(
                "dropped",
                format!(
                    "the contents of {}: not kept any longer either, by policy",
                    count(rest as u64, "more run", "more runs")
                ),
            );
        }
    }

    /// Approvals stand beside the journal, so nothing here can be more than what somebody says.
    fn tell_approvals(&self, report: &mut Report) {
        let Some(approvals) = &self.approvals else { return };
        let ran = self.named.keys().filter(|(folder, _)| *folder == Folder::Components);
        let mut standings = BTreeMap::<Option<Standing>, u64>::new();
        for (_, component) in ran {
            let standing = self.held.approved(approvals, &format!("sha256:{}", hex(component)));
            *standings.entry(standing).or_default() += 1;
        }
        let all = count(standings.values().sum(), "component", "components");
        let some =
            |standing, words: &str| standings.get(&standing).map(|number| format!("; {number} {words}"));
        let others = [
            some(Some(Standing::OtherGrants), "approved with other grants than its plan has"),
            some(Some(Standing::Expired), "whose approval had run out when its run began"),
            some(Some(Standing::Revoked), "whose approval was taken back"),
            some(None, "whose plan is not here"),
        ];
        let others: String = others.into_iter().flatten().collect();
        let number = standings.get(&Some(Standing::Approved)).copied().unwrap_or_default();
        report.unknown(
            "approvals",
            format!(
                "approvals.toml has an approval of {number} of the {all} that ran, in force and with the grants of its plan{others}, as \
                 whoever made this file tells: approvals stand beside the log, not in it"
            ),
        );
    }
}
