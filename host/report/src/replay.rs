//! What doing runs again showed, told to people: one line an attempt, and under it what is not as it was.

use crate::cost::listed;
use crate::plain::{line, number, short};
use kapell_journal::replay::{Difference, Replayed, RunReplayed, Verdict};
use kapell_model::crossing::{Asked, Departure};

/// Letters of a value that are shown; the whole stands in the JSON.
const SHOWN: usize = 100;

/// One run with each of its attempts.
#[must_use]
pub fn run(run: &RunReplayed) -> String {
    let rows = run.attempts.iter().map(row).collect::<Vec<_>>();
    let table = listed(&rows);
    let told = table.lines().zip(&run.attempts).map(|(row, it)| format!("  {row}\n{}", details(&it.verdict)));
    let engine = run.engine.iter().map(|engine| {
        format!("  it ran on {}, another engine than this one: work may be counted otherwise\n", line(engine))
    });
    let whole = run.not_replayable.iter().map(|why| format!("  not replayable: {}\n", line(why)));
    let astray = run.astray.iter().map(|(seq, words)| format!("  entry {seq} {}\n", line(words)));
    let undecided =
        run.undecided.iter().map(|why| format!("  its decisions were not taken again: {}\n", line(why)));
    let parts =
        [told.collect::<String>(), whole.collect(), astray.collect(), undecided.collect(), engine.collect()];
    format!("{}\n{}", run.run, parts.concat())
}

/// Several runs: whatever is not as it was, and a line for all of them.
#[must_use]
pub fn runs(runs: &[RunReplayed]) -> String {
    let is_told = |it: &&Replayed| !matches!(it.verdict, Verdict::Same { .. });
    let odd = runs.iter().filter(|it| {
        it.not_replayable.is_some() || !it.astray.is_empty() || it.attempts.iter().any(|it| is_told(&it))
    });
    let told = odd.map(|it| {
        let attempts = it.attempts.iter().filter(is_told).cloned().collect();
        run(&RunReplayed { attempts, ..it.clone() })
    });
    let told: String = told.collect();
    format!("{told}{}\n", summary(runs))
}

/// How many came out the same.
#[must_use]
pub fn summary(runs: &[RunReplayed]) -> String {
    let add = |[a, b, c]: [usize; 3], [x, y, z]: [usize; 3]| [a + x, b + y, c + z];
    let [same, other, not] = runs.iter().map(RunReplayed::counts).fold([0; 3], add);
    let count = |count: usize| number(count as u64);
    let mut parts = vec![format!("{} of {} the same", count(same), count(same + other + not))];
    if other > 0 {
        parts.push(format!("{} not", count(other)));
    }
    if not > 0 {
        parts.push(format!("{} not replayable", count(not)));
    }
    let whole = runs.iter().filter(|run| run.not_replayable.is_some()).count();
    if whole > 0 {
        parts.push(format!("{} {} not replayable", count(whole), if whole == 1 { "run" } else { "runs" }));
    }
    let astray: usize = runs.iter().map(|run| run.astray.len()).sum();
    if astray > 0 {
        let entries = if astray == 1 { "entry does" } else { "entries do" };
        parts.push(format!("{} {entries} not follow from the plan", count(astray)));
    }
    let attempts = if same + other + not == 1 { "attempt" } else { "attempts" };
    format!("{attempts} done again: {}", parts.join(", "))
}

fn row(it: &Replayed) -> Vec<String> {
    let skill = it.with.as_ref().unwrap_or(&it.skill);
    let ran = format!("{} {} ({})", skill.name, skill.version, skill.component.short());
    vec![it.step.to_string(), it.attempt.to_string(), ran, word(it)]
}

fn word(it: &Replayed) -> String {
    match &it.verdict {
        Verdict::Same { fuel: (then, now) } if then == now => format!("same, {} fuel", number(*then)),
        Verdict::Same { fuel: (then, now) } => {
            format!("same, {} fuel instead of {}", number(*now), number(*then))
        }
        Verdict::Differs { .. } => "differs".into(),
        Verdict::NotReplayable(why) => format!("not replayable: {}", line(why)),
    }
}

fn details(verdict: &Verdict) -> String {
    let Verdict::Differs { departure, differences } = verdict else { return String::new() };
    let departed = departure.iter().map(|it| departed(it));
    departed.chain(differences.iter().map(difference)).collect()
}

fn departed(departure: &Departure) -> String {
    let say = |asked: Option<&Asked>| asked.map_or("nothing".into(), |asked| line(&asked.to_string()));
    let (then, now) = (say(departure.recorded.as_ref()), say(departure.asked.as_ref()));
    format!("    departs at crossing {}\n      was  {then}\n      is   {now}\n", departure.crossing)
}

fn difference(it: &Difference) -> String {
    let (was, is) = apart(&it.recorded, &it.again);
    format!("    {}\n      was  {}\n      is   {}\n", it.what, short(&was, SHOWN), short(&is, SHOWN))
}

/// Two texts from a little before they part, so that the difference is seen however long they are.
fn apart(one: &str, other: &str) -> (String, String) {
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let from = same.saturating_sub(SHOWN / 3);
    let cut = |text: &str| {
        let rest: String = text.chars().skip(from).collect();
        let rest = if rest.is_empty() { "nothing".to_owned() } else { line(&rest) };
        if from > 0 { format!("…{rest}") } else { rest }
    };
    (cut(one), cut(other))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use kapell_model::capability::Kind;
    use kapell_model::digest::Digest;
    use kapell_model::plan::SkillPin;

    fn attempt(step: &str, verdict: Verdict) -> Replayed {
        let skill = SkillPin {
            name: "kapell:letter".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            component: Digest::of(b"letter"),
        };
        Replayed { step: step.parse().unwrap(), attempt: 1, skill, with: None, verdict }
    }

    fn asked(object: &str) -> Option<Asked> {
        let (kind, call) = (Kind::Files, "read".into());
        Some(Asked { kind, call, object: object.into(), sends: None, refused: None })
    }

    fn differing() -> Verdict {
        let departure =
            Departure { crossing: 2, recorded: asked("in/a.txt"), asked: asked("in/\u{1b}[2Jb.txt") };
        let long = "the same words over and over, ".repeat(9);
        let differences = vec![
            Difference {
                what: "ending",
                recorded: format!("{long}then"),
                again: format!("{long}now, and\nmore"),
            },
            Difference { what: "notes", recorded: "one".into(), again: String::new() },
        ];
        Verdict::Differs { departure: Some(Box::new(departure)), differences }
    }

    fn replayed() -> RunReplayed {
        let attempts = vec![
            attempt("read", Verdict::Same { fuel: (1_204_311, 1_204_311) }),
            attempt("terms", differing()),
            attempt("write", Verdict::NotReplayable("files in/a.txt is not kept".into())),
        ];
        RunReplayed {
            run: "onboarding-1".parse().unwrap(),
            engine: None,
            not_replayable: None,
            attempts,
            astray: Vec::new(),
            undecided: None,
        }
    }

    #[test]
    fn a_run_tells_each_attempt_and_what_is_not_as_it_was() {
        insta::assert_snapshot!(run(&replayed()), @r#"
        onboarding-1
          read   1  kapell:letter 1.0.0 (f80105efab6d)  same, 1,204,311 fuel
          terms  1  kapell:letter 1.0.0 (f80105efab6d)  differs
            departs at crossing 2
              was  files read in/a.txt
              is   files read in/\u{1b}[2Jb.txt
            ending
              was  …r, the same words over and over, then
              is   …r, the same words over and over, now, and\nmore
            notes
              was  one
              is   nothing
          write  1  kapell:letter 1.0.0 (f80105efab6d)  not replayable: files in/a.txt is not kept
        "#);
    }

    #[test]
    fn many_runs_tell_only_what_is_not_the_same() {
        let same = RunReplayed {
            run: "onboarding-2".parse().unwrap(),
            engine: Some("wasmtime 47".into()),
            not_replayable: None,
            attempts: vec![attempt("read", Verdict::Same { fuel: (7, 9) })],
            astray: Vec::new(),
            undecided: None,
        };
        insta::assert_snapshot!(runs(&[replayed(), same.clone()]), @r#"
        onboarding-1
          terms  1  kapell:letter 1.0.0 (f80105efab6d)  differs
            departs at crossing 2
              was  files read in/a.txt
              is   files read in/\u{1b}[2Jb.txt
            ending
              was  …r, the same words over and over, then
              is   …r, the same words over and over, now, and\nmore
            notes
              was  one
              is   nothing
          write  1  kapell:letter 1.0.0 (f80105efab6d)  not replayable: files in/a.txt is not kept
        attempts done again: 2 of 4 the same, 1 not, 1 not replayable
        "#);
        let astray = RunReplayed { astray: vec![(8, "says by true".into())], ..same.clone() };
        insta::assert_snapshot!(runs(&[astray]), @r#"
        onboarding-2
          entry 8 says by true
          it ran on wasmtime 47, another engine than this one: work may be counted otherwise
        attempt done again: 1 of 1 the same, 1 entry does not follow from the plan
        "#);
        let cut = RunReplayed {
            attempts: Vec::new(),
            not_replayable: Some("it is cut off".into()),
            ..same.clone()
        };
        insta::assert_snapshot!(runs(&[RunReplayed { engine: None, ..cut }, same.clone()]), @r#"
        onboarding-2
          not replayable: it is cut off
        attempt done again: 1 of 1 the same, 1 run not replayable
        "#);
        insta::assert_snapshot!(run(&same), @r#"
        onboarding-2
          read  1  kapell:letter 1.0.0 (f80105efab6d)  same, 9 fuel instead of 7
          it ran on wasmtime 47, another engine than this one: work may be counted otherwise
        "#);
    }
}
