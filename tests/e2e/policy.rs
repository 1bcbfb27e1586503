//! What skills may reach, asked and told: a changed policy, explanations, expected verdicts, observed use, suggestions.

use crate::stage::{Stage, skill};

const NOTHING: &str = "version = 1\n";

const LETTERS: &str = r#"version = 1
[[rule]]
id = "letters-out"
skill = "kapell:letter"
kind = "files"
name = "out"
bind = "./out"
access = "write"
most = { files = 10, bytes = "64KiB" }
"#;

const DENIAL: &str =
    "[[rule]]\nid = \"freeze\"\neffect = \"deny\"\nskill = \"any\"\nkind = \"files\"\naccess = \"write\"\n";

const WRITE: &str = r#"{"name": "hello", "template": "Dear Ada", "fields": []}"#;

fn letters(policy: &str) -> Stage {
    let stage = Stage::empty();
    stage.write("policy.toml", policy);
    stage.add(&["letter"]);
    stage
}

#[test]
fn a_changed_policy_says_who_gains_what_once_and_before_it_takes_effect() {
    let stage = letters(NOTHING);
    let list = || stage.kapell(&["skills", "list"]).ends(0).err;
    assert_eq!(list(), "");
    stage.write("policy.toml", LETTERS);
    let gains =
        "kapell:letter gains files `out` write ./out, 64 KiB in 10 files, 64 KiB in one (rule letters-out)";
    // Checking it lets nothing take effect, so that the next command still tells.
    for _ in 0..2 {
        let checked = stage.kapell(&["policy", "check"]).ends(0);
        assert!(checked.err.contains("1 rule, 0 denials") && checked.out.contains(gains), "{checked:?}");
    }
    let told = list();
    assert!(told.contains("policy.toml has changed: from now on") && told.contains(gains), "{told}");
    assert_eq!(list(), "");
    let other = stage.write("other.toml", format!("{LETTERS}{DENIAL}")).display().to_string();
    let loses = "kapell:letter loses files `out`";
    let checked = stage.kapell(&["policy", "check", &other]).ends(0);
    assert!(checked.out.contains(loses) && checked.out.contains("by rule freeze"), "{checked:?}");
    assert_eq!(list(), "", "another file changes nothing here");
    stage.write("policy.toml", format!("{LETTERS}# a remark\n"));
    assert!(list().contains("no skill or flow gains or loses anything"));
}

#[test]
fn a_policy_is_checked_whole_with_its_places() {
    let stage = letters(NOTHING);
    let broken = LETTERS.replace("./out", "/").replace("files = 10", "flies = 10");
    let file = stage.write("broken.toml", broken).display().to_string();
    let said = stage.kapell(&["policy", "check", &file]).ends(3);
    for part in ["broken.toml:7:8", "`bind` holds the policy itself", "did you mean `files`?"] {
        assert!(said.err.contains(part), "{part} is not in\n{}", said.err);
    }
    let json = stage.kapell(&["policy", "check", &file, "--json"]).ends(3).json();
    assert_eq!(json["error"]["places"].as_array().map(Vec::len), Some(2), "{json}");
}

#[test]
fn explaining_a_use_names_the_rule_that_decides_and_ends_as_it_does() {
    let stage = letters(LETTERS);
    let explain = |used: &str, code| {
        let mut words = vec!["policy", "explain", "kapell:letter"];
        words.extend(used.split(' '));
        stage.kapell(&words).ends(code).out
    };
    assert_eq!(
        explain("files write out/a.txt of 2KiB", 0),
        "granted: rule `letters-out` (policy.toml:2) permits it\n"
    );
    assert_eq!(
        explain("files write out/a.txt of 65KiB", 4),
        "refused: rule `letters-out` (policy.toml:2) does not reach so far: 64 KiB in one file at most\n"
    );
    assert!(explain("files read out/a.txt", 4).contains("asks for files `out` only to write"));
    assert!(explain("clock", 4).contains("does not ask for it"));
    stage.kapell(&["policy", "explain", "kapell:letter", "sockets"]).ends(2);
    stage.kapell(&["policy", "explain", "kapell:lettre", "clock"]).ends(10);
    stage.kapell(&["policy", "explain", "kapell:letter#wirte", "clock"]).ends(10);
    stage.write("policy.toml", format!("{LETTERS}{DENIAL}"));
    let denied =
        stage.kapell(&["policy", "explain", "kapell:letter#write", "files write out/a", "--json"]).ends(4);
    let found = &denied.json()["explanation"];
    assert_eq!((&found["because"], &found["rule"]), (&"denied".into(), &"freeze".into()), "{found}");
    let refused = stage.kapell(&["call", "kapell:letter", "write", WRITE]).ends(4);
    assert!(refused.err.contains("denied by rule `freeze` (policy.toml:10)"), "{}", refused.err);
}

#[test]
fn a_table_of_verdicts_is_kept_beside_the_policy() {
    let stage = letters(LETTERS);
    stage.kapell(&["policy", "test"]).ends(10);
    let case = |used: &str, expect: &str| {
        format!("[[case]]\nskill = \"kapell:letter\"\nuse = \"{used}\"\nexpect = \"{expect}\"\n")
    };
    let holds =
        case("files write out/a.txt", "granted") + "rule = \"letters-out\"\n" + &case("clock", "refused");
    stage.write("policy.test.toml", &holds);
    assert!(stage.kapell(&["policy", "test"]).ends(0).err.contains("2 of 2 cases hold"));
    stage.write("policy.test.toml", holds + &case("files write out/../a.txt", "granted"));
    let said = stage.kapell(&["policy", "test"]).ends(1);
    assert!(said.err.contains("2 of 3 cases hold"), "{}", said.err);
    assert!(
        said.out.starts_with("policy.test.toml:10: kapell:letter files write out/../a.txt: expected granted")
    );
    assert!(said.out.contains("it leads out of the directory"), "{}", said.out);
}

/// Tables that say nothing sound, each with its place, and tables that say what is not so.
#[test]
fn a_table_of_verdicts_that_is_wrong_is_told_where() {
    let stage = letters(LETTERS);
    let case = |skill: &str, used: &str, expect: &str| {
        format!("[[case]]\nskill = \"{skill}\"\nuse = \"{used}\"\nexpect = \"{expect}\"\n")
    };
    let sound = || case("kapell:letter", "clock", "refused");
    for (table, code, told) in [
        ("[[case]]\nskil = \"a:b\"\n".to_owned(), 3, "2:1: [[case]] has no key `skil`"),
        (case("Letter", "clock", "refused"), 3, "2:9: `Letter` is not a skill name"),
        (case("kapell:letter", "clocks", "refused"), 3, "3:7: `clocks`"),
        (case("kapell:letter", "files write", "refused"), 3, "3:7: `files write`"),
        (case("kapell:letter", "clock", "maybe"), 3, "4:10: `maybe` is no expect"),
        (sound() + &sound(), 3, "5:1: it asks the same as the case on line 1"),
        (sound() + "rule = \"\"\n", 3, "5:8: is no"),
        ("case = []\n".into(), 3, "1:8: there is no case in it"),
        (String::new(), 3, "1:1: the file has no `case`"),
        ("[[case]".into(), 3, "1:8: unclosed"),
        (case("kapell:lettre", "clock", "refused"), 1, "kapell:lettre clock: expected refused, found "),
        (
            case("kapell:letter", "clock", "granted"),
            1,
            "kapell:letter clock: expected granted, found refused",
        ),
        (
            sound() + "rule = \"letters-out\"\n",
            1,
            "kapell:letter clock: expected refused by rule `letters-out`",
        ),
    ] {
        stage.write("policy.test.toml", &table);
        let said = stage.kapell(&["policy", "test"]).ends(code);
        let (text, (place, words)) = match code {
            3 => (said.err, told.split_once(": ").unwrap()),
            _ => (said.out, ("1", told)),
        };
        assert!(
            text.contains(&format!("policy.test.toml:{place}")) && text.contains(words),
            "{table}\n{text}"
        );
    }
    stage.write("policy.test.toml", sound());
    stage.kapell(&["policy", "test"]).ends(0);
}

#[test]
fn what_was_used_is_told_beside_what_was_granted() {
    let both = LETTERS.to_owned()
        + &LETTERS
            .replace("version = 1\n", "")
            .replace("letters-out", "never")
            .replace("kapell:letter", "acme:other");
    let stage = letters(&both);
    let unused = stage.kapell(&["skills", "show", "kapell:letter", "--use"]).ends(0);
    assert!(unused.out.contains("seen in 0 recorded attempts"), "{}", unused.out);
    for _ in 0..2 {
        stage.kapell(&["call", "kapell:letter", "write", WRITE]).ends(0);
    }
    stage
        .kapell(&["call", "kapell:letter", "write", r#"{"name": "../a", "template": "", "fields": []}"#])
        .ends(1);
    let used = stage.kapell(&["skills", "show", "kapell:letter", "--use", "--json"]).ends(0).json();
    assert_eq!(used["use"]["attempts"], 3, "{used}");
    let grant = &used["use"]["grants"][0];
    assert_eq!((&grant["granted"], &grant["attempts"]), (&3.into(), &2.into()), "{grant}");
    assert!(grant["objects"].as_array().unwrap().contains(&"hello.txt".into()), "{grant}");
    let suggested = stage.kapell(&["policy", "suggest", "kapell:letter"]).ends(0).out;
    assert!(suggested.contains("most = { files = 1, bytes = 8, file = 8 }"), "{suggested}");
    // It is a rule, and it suffices.
    stage.write("policy.toml", format!("version = 1\n{suggested}"));
    stage.kapell(&["call", "kapell:letter", "write", WRITE]).ends(0);
    stage.kapell(&["call", "kapell:letter", "write", &WRITE.replace("Ada", "Grace")]).ends(8);
}

#[test]
fn what_is_granted_and_never_used_is_named() {
    let stage = letters(LETTERS);
    stage
        .kapell(&["call", "kapell:letter", "write", r#"{"name": "../a", "template": "", "fields": []}"#])
        .ends(1);
    let said = stage.kapell(&["skills", "show", "kapell:letter", "--use"]).ends(0);
    assert!(said.out.contains("files `out` (rule letters-out): granted and never used"), "{}", said.out);
    assert!(said.err.contains("granted and never used: files `out`"), "{}", said.err);
    let suggested = stage.kapell(&["policy", "suggest", "kapell:letter"]).ends(0).out;
    assert_eq!(suggested, "# files `out` was never used: rule `letters-out` could go\n");
}

#[test]
fn examples_prove_what_a_skill_works_without() {
    let stage = Stage::empty();
    stage.write("letter.wasm", skill("letter"));
    let all = stage.kapell(&["test", "letter.wasm"]).ends(0);
    assert_eq!(
        all.out.lines().filter(|line| line.starts_with("pass  skill.toml:")).count(),
        3,
        "{}",
        all.out
    );
    assert!(all.err.contains("all 3 examples of kapell:letter are as its manifest says"), "{}", all.err);
    let without = stage.kapell(&["test", "letter.wasm", "--without", "files:out"]).ends(1);
    assert!(
        without.err.contains("kapell:letter does not work without files:out: 1 of 3 examples fail"),
        "{without:?}"
    );
    let json = stage.kapell(&["test", "letter.wasm", "--without", "files", "--json"]).ends(1).json();
    assert_eq!((&json["holds"], &json["without"][0]), (&false.into(), &"files".into()), "{json}");
    stage.kapell(&["test", "letter.wasm", "--without", "http"]).ends(2);
    stage.kapell(&["test", "letter.wasm", "--without", "sockets"]).ends(2);
    stage.kapell(&["test", "kapell:nobody"]).ends(10);
    assert!(!stage.project().join("out").exists(), "nothing real was touched");
}

#[test]
fn a_name_that_looks_like_an_installed_one_is_refused() {
    let stage = letters(NOTHING);
    let bare = wat::parse_str("(component)").unwrap();
    stage.write("reader.wasm", &bare);
    stage.write("reader_.wasm", &bare);
    stage.write("re-ader.wasm", &bare);
    stage.kapell(&["add", "reader.wasm"]).ends(0);
    stage.kapell(&["add", "reader_.wasm"]).ends(0);
    let said = stage.kapell(&["add", "re-ader.wasm"]).ends(4);
    assert!(
        said.err.contains("local:re-ader is refused: its name looks like that of local:reader"),
        "{}",
        said.err
    );
}

#[test]
fn a_text_larger_than_any_is_not_read_to_its_end() {
    let stage = Stage::empty();
    let large = stage.write("large/skill.toml", vec![b'#'; (1 << 20) + 1]).display().to_string();
    let said = stage.kapell(&["check", &large]).ends(3);
    assert!(said.err.contains("skill.toml has more than 1 MiB"), "{}", said.err);
    let allowed = stage.write("whole/skill.toml", vec![b'#'; 1 << 20]).display().to_string();
    let said = stage.kapell(&["check", &allowed]).ends(3);
    assert!(said.err.contains("1 MiB are more than the 64 KiB it may have"), "{}", said.err);
}

#[test]
fn a_provider_without_a_price_is_refused_with_what_to_add() {
    let stage = Stage::empty();
    let provider = "[[provider]]\nid = \"hosted\"\ntier = \"cheap\"\nbind = \"https://models.acme.example/v1/\"\nmodel = \"acme-small\"\n";
    stage.write("policy.toml", format!("version = 1\n{provider}"));
    let said = stage.kapell(&["skills", "list"]).ends(3);
    snapbox::assert_data_eq!(
        said.err.as_str(),
        snapbox::str![[r#"
error: the provider `hosted` asks the model `acme-small`, which has no price in the tariff
hint: add to tariff.toml:
[[model]]
name = "acme-small"
input-per-million = "0.00" # what the provider charges, above 0
output-per-million = "0.00" # what the provider charges, above 0

"#]]
    );
    let price =
        "[[model]]\nname = \"acme-small\"\ninput-per-million = \"0.15\"\noutput-per-million = \"0.60\"\n";
    stage.write("tariff.toml", format!("{}\n{price}", kapell_model::money::EXAMPLE_TARIFF));
    stage.kapell(&["runs", "list"]).ends(0);
}
