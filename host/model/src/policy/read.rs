//! Reading `policy.toml`: every key is one the host enforces, and no two rules can mean the same thing.

use super::approval::read_approval;
use super::budgets::read_budgets;
use super::denial::{Denial, read_denial};
use super::keep::read_keep;
use super::outside::{Authorities, Secrets};
use super::{ANYBODY, BySkill, Policy, Rule, Surroundings, outside};
use crate::capability::{Access, Kind};
use crate::digest::Digest;
use crate::form::{Field, Table};
use crate::grant::Authority;
use crate::id::{Role, RuleId, SkillName};
use crate::limits::WishedLimits;
use crate::mark::Mark;
use crate::quantity::Bytes;
use crate::secret::SecretSource;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// What a rule permits where it says nothing: small, never unlimited.
const MOST_BYTES: Bytes = Bytes(1 << 20);
const MOST_TALK: Bytes = Bytes(64 << 10);
const MOST_FILES: u64 = 100;
const MOST_KEYS: u64 = 1_000;

/// The whole of `policy.toml`.
pub(super) fn policy(
    root: &Table<'_, '_>,
    file: &str,
    digest: Digest,
    surroundings: Surroundings<'_>,
) -> Option<Policy> {
    root.required("version").iter().for_each(|version| check_version(version, "a policy"));
    let authorities =
        root.get("authority").map(|field| outside::read_authorities(&field, surroundings.folder));
    let authorities = authorities.unwrap_or_default();
    let secrets = root.get("secret").map(|field| outside::read_secrets(&field)).unwrap_or_default();
    let ground = Ground { surroundings, authorities: &authorities, secrets: &secrets };
    let (mut rules, denials) = root.get("rule").map(|field| read_rules(&field, ground)).unwrap_or_default();
    tell_same_ids(root, &rules, &denials);
    let inert = root.get("inert").map(|field| read_inert(&field)).unwrap_or_default();
    tell_lent_and_empty(root, &rules, &inert);
    let limits = root.get("limits").and_then(|field| field.table("[limits]"));
    let limits = limits.map(|table| by_skill(&table, read_limits)).unwrap_or_default();
    let roles = root.get("role").map(|field| read_roles(&field)).unwrap_or_default();
    let approval = root.get("approval").and_then(|field| read_approval(&field, &roles)).unwrap_or_default();
    let keep = root.get("keep").and_then(|field| read_keep(&field, &roles)).unwrap_or_default();
    let providers = root.get("provider");
    let providers = providers.map(|field| outside::read_providers(&field, &authorities, &secrets));
    let providers = providers.unwrap_or_default();
    outside::bind_answers(&mut rules, &providers);
    let budgets = root.get("budget").map(|field| read_budgets(&field, &roles)).unwrap_or_default();
    root.close();
    if root.is_clean() {
        outside::check_secrets(root, &rules, &providers);
        outside::check_authorities(root, &rules, &providers, &authorities);
    }
    let authorities = authorities.into_iter().filter_map(|(name, file)| Some((name, file?))).collect();
    let secrets = secrets.into_iter().filter_map(|(name, source)| Some((name, source?))).collect();
    Some(Policy {
        file: file.into(),
        digest,
        rules,
        denials,
        inert,
        limits,
        roles,
        approval,
        keep,
        secrets,
        authorities,
        providers,
        budgets,
    })
}

pub(super) fn check_version(field: &Field<'_, '_>, of: &str) {
    if field.count().is_some_and(|version| version != 1) {
        field.tell(format!("this host reads version 1 of {of}"));
    }
}

/// What a rule is read on: where the policy lives, and what it names beside its rules.
#[derive(Clone, Copy)]
struct Ground<'p> {
    surroundings: Surroundings<'p>,
    authorities: &'p Authorities,
    secrets: &'p Secrets,
}

fn read_rules(field: &Field<'_, '_>, ground: Ground<'_>) -> (Vec<Rule>, Vec<Denial>) {
    let (mut rules, mut denials): (Vec<Rule>, Vec<Denial>) = Default::default();
    for table in field.tables("[[rule]]") {
        // Of a misspelt effect neither is meant.
        let denies = table.get("effect").map_or(Some(false), |field| field.word(&EFFECTS));
        match denies {
            None => {}
            Some(true) => denials.extend(table.or_told(|| read_denial(&table, ground.surroundings))),
            Some(false) => {
                let rule = table.or_told(|| read_rule(&table, ground));
                rule.iter().for_each(|rule| tell_conflict(&table, rule, &rules));
                rules.extend(rule);
            }
        }
    }
    (rules, denials)
}

/// Each effect by its word, and whether it denies.
const EFFECTS: [(&str, bool); 2] = [("allow", false), ("deny", true)];

/// An id names one rule, whatever its effect, so that a decision names what made it.
fn tell_same_ids(root: &Table<'_, '_>, rules: &[Rule], denials: &[Denial]) {
    let mut first: BTreeMap<&RuleId, u32> = BTreeMap::new();
    let ids = rules.iter().map(|rule| (&rule.id, rule.line));
    let mut ids: Vec<_> = ids.chain(denials.iter().map(|denial| (&denial.id, denial.line))).collect();
    ids.sort_by_key(|(_, line)| *line);
    for (id, line) in ids {
        match first.get(id) {
            Some(before) => {
                let message = format!("rule `{id}` has the same id as the rule on line {before}");
                root.tell_line(line, message, None);
            }
            None => drop(first.insert(id, line)),
        }
    }
}

/// One skill can't be lent something and be answered with nothing by it.
fn tell_lent_and_empty(root: &Table<'_, '_>, rules: &[Rule], inert: &BySkill<Vec<String>>) {
    for rule in rules {
        let empty = inert.skills.get(&rule.skill).into_iter().flatten();
        if let Some(interface) = empty.into_iter().find(|it| rule.lends(it)) {
            let words =
                format!("rule `{}` lends {} what [inert] makes empty: {interface}", rule.id, rule.skill);
            root.tell_line(rule.line, words, Some("leave out the one or the other".into()));
        }
    }
}

fn tell_conflict(table: &Table<'_, '_>, rule: &Rule, rules: &[Rule]) {
    if let Some((other, why)) = rules.iter().find_map(|other| Some((other, conflict(other, rule)?))) {
        table.tell(format!("rule `{}` {why} as rule `{}` on line {}", rule.id, other.id, other.line));
    }
}

/// Why two rules can't stand side by side: what one forbids the other would permit.
fn conflict(one: &Rule, other: &Rule) -> Option<&'static str> {
    let same = one.skill == other.skill && one.kind() == other.kind();
    if same && (one.name == other.name || !one.kind().is_named()) {
        Some("is for the same thing")
    } else if same && bound_to_the_same(&one.authority, &other.authority) {
        Some("reaches the same place for the same skill")
    } else {
        None
    }
}

fn bound_to_the_same(one: &Authority, other: &Authority) -> bool {
    match (one, other) {
        (Authority::Files { root: one, .. }, Authority::Files { root: other, .. }) => {
            Path::new(one).starts_with(other) || Path::new(other).starts_with(one)
        }
        (Authority::Keyvalue { namespace: one, .. }, Authority::Keyvalue { namespace: other, .. }) => {
            one == other
        }
        // Which of two rules a request falls under must not depend on their order.
        (Authority::Http(one), Authority::Http(other)) => {
            one.target.meet(&other.target).is_some() && !one.methods.is_disjoint(&other.methods)
        }
        _ => false,
    }
}

fn read_rule(table: &Table<'_, '_>, ground: Ground<'_>) -> Option<Rule> {
    let id: Option<RuleId> = table.required("id").and_then(|field| field.parsed());
    let skill: Option<SkillName> = table.required("skill").and_then(|field| read_one_skill(&field));
    let kind: Option<Kind> = table.required("kind").and_then(|field| field.word(&Kind::words()));
    // Without a kind nothing is known of the other keys.
    let kind = kind?;
    let name = kind.read_name(table);
    let access = kind.read_access(table);
    let authority = access.and_then(|access| read_authority(table, kind, access, ground));
    let marks = authority.as_ref().and_then(|authority| read_marks(table, authority));
    if access.is_some() {
        table.close();
    }
    Some(Rule { id: id?, skill: skill?, name: name?, authority: authority?, marks, line: table.line() })
}

/// Only where something somebody wrote comes in, or something goes out, is there anything to mark.
fn read_marks(table: &Table<'_, '_>, authority: &Authority) -> Option<BTreeSet<Mark>> {
    let possible = authority.possible_marks();
    if possible.is_empty() {
        return None;
    }
    let words = Mark::ALL.map(|mark| (mark.word(), mark));
    let mut marks = BTreeSet::new();
    for item in table.get("marks")?.items() {
        let Some(mark) = item.word(&words) else { continue };
        if !possible.contains(&mark) {
            item.tell(format!("nothing is {mark} by this rule: it does not permit that direction"));
        }
        marks.insert(mark);
    }
    Some(marks)
}

fn read_one_skill(field: &Field<'_, '_>) -> Option<SkillName> {
    if field.text()? == "any" {
        field.tell_with(
            "a rule that permits names one skill",
            "only a rule with effect = \"deny\" is about any",
        );
        return None;
    }
    field.parsed()
}

/// Only the keys of the rule's kind are asked for, so that any other is told as unknown.
fn read_authority(
    table: &Table<'_, '_>,
    kind: Kind,
    access: Option<Access>,
    ground: Ground<'_>,
) -> Option<Authority> {
    match kind {
        Kind::Files => read_files(table, access?, ground),
        Kind::Keyvalue => read_keyvalue(table, access?),
        Kind::Config => table.required("bind").and_then(|field| read_values(&field)),
        Kind::Clock => {
            let resolution = table.required("resolution").and_then(|field| field.span());
            Some(Authority::Clock { resolution: resolution? })
        }
        Kind::Random => Some(Authority::Random { bytes_max: read_bytes(table, MOST_TALK)? }),
        Kind::Logging => Some(Authority::Logging { bytes_max: read_bytes(table, MOST_TALK)? }),
        Kind::Notes => Some(Authority::Notes { bytes_max: read_bytes(table, MOST_TALK)? }),
        Kind::Http => outside::read_http(table, ground.authorities, ground.secrets).map(Authority::Http),
        Kind::Inference => outside::read_inference(table).map(Authority::Inference),
    }
}

fn read_files(table: &Table<'_, '_>, access: Access, ground: Ground<'_>) -> Option<Authority> {
    let root = table.required("bind").and_then(|field| read_directory(&field, ground));
    let (bytes_max, files_max, file_max) = read_written(table, access, ("files", MOST_FILES), Some("file"))?;
    Some(Authority::Files { root: root?, identity: None, access, bytes_max, file_max, files_max })
}

fn read_keyvalue(table: &Table<'_, '_>, access: Access) -> Option<Authority> {
    let namespace = table.required("bind").and_then(|field| read_namespace(&field));
    let most = read_written(table, access, ("keys", MOST_KEYS), None);
    let (bytes_max, keys_max, _) = most?;
    Some(Authority::Keyvalue { namespace: namespace?, access, bytes_max, keys_max })
}

/// Most bytes and things an attempt may write, and most bytes of a single one where `one` is a key; `most` says
/// nothing of reading, so a rule to read has none.
fn read_written(
    table: &Table<'_, '_>,
    access: Access,
    (things, default): (&'static str, u64),
    one: Option<&'static str>,
) -> Option<(Bytes, u64, Bytes)> {
    if !access.writes() {
        if let Some(field) = table.get("most") {
            field.tell_key("`most` limits writing, and the rule only permits to read: leave it out");
            return None;
        }
        return Some((Bytes(0), 0, Bytes(0)));
    }
    let Some(field) = table.get("most") else { return Some((MOST_BYTES, default, MOST_BYTES)) };
    let most = field.table("`most`")?;
    let bytes = most.get("bytes").map_or(Some(MOST_BYTES), |field| field.bytes());
    let things = most.get(things).map_or(Some(default), |field| field.count());
    let one = one.and_then(|one| most.get(one)).map_or(Some(Bytes(u64::MAX)), |field| field.bytes());
    most.close();
    // One is never larger than all of them together.
    Some((bytes?, things?, one?.min(bytes?)))
}

fn read_bytes(table: &Table<'_, '_>, default: Bytes) -> Option<Bytes> {
    let Some(field) = table.get("most") else { return Some(default) };
    let most = field.table("`most`")?;
    let bytes = most.get("bytes").map_or(Some(default), |field| field.bytes());
    most.close();
    bytes
}

fn read_values(field: &Field<'_, '_>) -> Option<Authority> {
    let table = field.table("`bind`")?;
    let values: BTreeMap<String, String> =
        table.fields().filter_map(|field| Some((field.key.to_owned(), field.text()?.to_owned()))).collect();
    Some(Authority::Config { values })
}

pub(super) fn read_namespace(field: &Field<'_, '_>) -> Option<String> {
    let text = field.text()?;
    let name = text.strip_prefix("namespace:").filter(|name| name.parse::<RuleId>().is_ok());
    if name.is_none() {
        field.tell_with(
            "a keyvalue rule is bound to one namespace, in lower-case words joined by `-`",
            "bind = \"namespace:accounts\"",
        );
    }
    name.map(str::to_owned)
}

/// The absolute directory a rule means. Compared as written: links are the opener's to refuse.
fn read_directory(field: &Field<'_, '_>, ground: Ground<'_>) -> Option<String> {
    let text = field.text()?;
    let told = match plain_path(text) {
        Err(why) => Err(why.to_owned()),
        Ok(()) => Ok(ground.surroundings.folder.join(text).components().collect::<PathBuf>()),
    };
    let checked = told.and_then(|path| match too_wide(&path, ground) {
        Some(why) => Err(why),
        None => Ok(path),
    });
    match checked {
        Ok(path) => path.to_str().map(str::to_owned),
        Err(why) => {
            field.tell_with(format!("`bind` {why}"), "one directory, such as \"./out\" or \"/srv/letters\"");
            None
        }
    }
}

/// A path is what it says: nothing in it is expanded by anybody.
pub(super) fn plain_path(text: &str) -> Result<(), &'static str> {
    let drive = text.as_bytes().get(1) == Some(&b':');
    if text.is_empty() || text.len() > 1_024 {
        Err("is empty or longer than 1024 bytes")
    } else if text.starts_with('~') || text.contains(['$', '%']) {
        Err("has `~`, `$` or `%`, which nobody expands here")
    } else if text.contains(['*', '?', '[', ']', '{', '}']) {
        Err("has a wildcard; a rule names one directory")
    } else if drive || text.contains('\\') || text.chars().any(char::is_control) {
        Err("is no path with `/`")
    } else if Path::new(text).components().any(|part| part == Component::ParentDir) {
        Err("has `..`, which could lead anywhere")
    } else {
        Ok(())
    }
}

/// Where the kernel shows processes, devices and itself as files: the host's own environment among them, with every
/// secret that is in it.
const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];
/// Folders of the system that hold something of everybody's; what is below them is somebody's.
const EVERYBODYS: [&str; 14] = [
    "/bin", "/boot", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/root", "/run", "/srv",
    "/usr", "/var",
];
/// Folders that hold keys to other machines wherever they stand.
const KEYS: [&str; 4] = [".aws", ".gnupg", ".kube", ".ssh"];
/// Why no rule is bound to such a path.
pub(super) const LINKED: &str = "leads through a symbolic link, which could be turned elsewhere";

/// A directory that holds the policy would let a skill rewrite its own grants; the host's own folders hold its proof,
/// and one with the file of a secret would lend the secret.
fn too_wide(path: &Path, ground: Ground<'_>) -> Option<String> {
    let Ground { surroundings, secrets, .. } = ground;
    if surroundings.folder.starts_with(path) {
        return Some("holds the policy itself: name a directory below it or beside it".into());
    }
    let touches = |closed: &PathBuf| path.starts_with(closed) || closed.starts_with(path);
    if surroundings.closed.iter().any(touches) {
        return Some("reaches a folder of the host's own".into());
    }
    if KERNEL.iter().any(|kernel| path.starts_with(kernel)) {
        return Some("is the kernel's, in which the host itself can be read".into());
    }
    if EVERYBODYS.iter().any(|folder| path == Path::new(folder)) {
        return Some("is a whole part of the system: name a directory below it".into());
    }
    if path.parent() == Some(Path::new("/home")) {
        return Some("is all somebody has: name a directory below it".into());
    }
    let is_for_keys = |part: std::path::Component<'_>| KEYS.iter().any(|keys| part.as_os_str() == *keys);
    if path.components().any(is_for_keys) || path.starts_with("/etc/ssh") {
        return Some("is where keys to other machines are kept".into());
    }
    let kept = |source: &Option<SecretSource>| matches!(source, Some(SecretSource::File(file)) if file.starts_with(path));
    if let Some((name, _)) = secrets.iter().find(|(_, source)| kept(source)) {
        return Some(format!("holds the file of the secret `{name}`"));
    }
    (surroundings.links)(path).then(|| LINKED.into())
}

/// A list for every skill, or a table with `any` and skills by name.
fn read_inert(field: &Field<'_, '_>) -> BySkill<Vec<String>> {
    if !field.is_table() {
        return BySkill { any: read_interfaces(field).unwrap_or_default(), ..BySkill::default() };
    }
    field.table("[inert]").map(|table| by_skill(&table, read_interfaces)).unwrap_or_default()
}

fn read_interfaces(field: &Field<'_, '_>) -> Option<Vec<String>> {
    let mut interfaces = Vec::new();
    for item in field.items() {
        let Some(text) = item.text() else { continue };
        if !is_interface(text) {
            item.tell_with(
                format!("`{text}` is no package or interface"),
                "such as \"wasi:sockets\" or \"wasi:sockets/tcp\", without a version",
            );
        } else if interfaces.iter().any(|other| other == text) {
            item.tell(format!("`{text}` is named twice"));
        } else {
            interfaces.push(text.to_owned());
        }
    }
    Some(interfaces)
}

/// `namespace:package` or `namespace:package/interface`, the parts in the words WIT has.
fn is_interface(text: &str) -> bool {
    let (package, interface) =
        text.split_once('/').map_or((text, None), |(package, rest)| (package, Some(rest)));
    package.parse::<SkillName>().is_ok() && interface.is_none_or(|name| name.parse::<RuleId>().is_ok())
}

/// A table with `any` for every skill and the names of some.
fn by_skill<T: Default>(table: &Table<'_, '_>, read: impl Fn(&Field<'_, '_>) -> Option<T>) -> BySkill<T> {
    let mut all = BySkill { any: T::default(), skills: BTreeMap::new() };
    for field in table.fields() {
        let said = field.or_told(|| read(&field));
        match (field.key, said) {
            ("any", said) => all.any = said.unwrap_or_default(),
            (_, said) => all.skills.extend(field.parsed_key().zip(said)),
        }
    }
    all
}

fn read_limits(field: &Field<'_, '_>) -> Option<WishedLimits> {
    Some(WishedLimits::read(&field.table("[limits]")?))
}

fn read_roles(field: &Field<'_, '_>) -> BTreeMap<Role, Vec<String>> {
    let Some(roles) = field.table("[role]") else { return BTreeMap::new() };
    let read = |field: &Field<'_, '_>| Some((field.parsed_key()?, read_people(field)?));
    roles.fields().filter_map(|field| field.or_told(|| read(&field))).collect()
}

fn read_people(field: &Field<'_, '_>) -> Option<Vec<String>> {
    let table = field.table("a role")?;
    let named = table.required("people");
    table.close();
    let field = named?;
    let mut people: Vec<String> = Vec::new();
    for person in field.items() {
        let Some(text) = person.text() else { continue };
        if !is_person(text) {
            person.tell_with(format!("`{text}` is no person"), "\"user:NAME\", or \"user:*\" for anybody");
        } else if people.iter().any(|other| other == text) {
            person.tell(format!("`{text}` is named twice"));
        } else {
            people.push(text.to_owned());
        }
    }
    if field.items().is_empty() {
        field.tell("nobody could answer for the role");
    } else if people.len() > 1 && people.iter().any(|person| person == ANYBODY) {
        field.tell(format!("`{ANYBODY}` is anybody, so the other names say nothing"));
    }
    Some(people)
}

fn is_person(text: &str) -> bool {
    text == ANYBODY || super::is_one_person(text)
}
