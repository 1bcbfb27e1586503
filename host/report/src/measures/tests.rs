//! Runs told in lines, and the measures they come to: text in, text out, at a fixed instant.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assumption must fail the test")]

use super::*;
use crate::answered::Part;
use crate::cost::Line;
use crate::page::tests::{HOSTILE, elements, stands_alone};
use crate::tally::{Answer, Asked, Declared, Over, Rung, Tally};
use kapell_journal::entry::{BlobRef, RunEnding, Verdict};
use kapell_model::plan::{Lane, Outcome};
use serde_json::json;
use std::sync::Arc;

const NOW: &str = "2026-11-21T12:00:00Z";

/// Two days of a flow: `RUN BEGAN VERSION ENDING TOOK`, then what happened in it, `|` between.
///
/// `work AMOUNT` is a charge, `rung STEP NTH BY` an answer of a ladder, and `ask STEP ROLE WAITED MINUTES VERDICT` a
/// question with its answer, `* changed` when that changed the result, `-` for minutes that nobody stated, `: REASON`
/// and `? CONDITION` at its end; the verdict `open` waits, `expired` ended without an answer.
const RUNS: &str = "\
triage-9 2026-11-21T11:50:00Z 1.1.0 open 0s | work 0.01 EUR | ask label support-lead 0s 0 open ? not (label.confidence >= 0.8)
triage-8 2026-11-21T11:40:00Z 1.1.0 running 0s
triage-7 2026-11-21T10:00:00Z 1.1.0 done 2h | work 0.02 EUR | people 1.50 EUR | ask label support-lead 1h 2 defect * : crashes twice ? not (label.confidence >= 0.8) | rung label 2 a person
triage-6 2026-11-20T23:00:00Z 1.0.0 rejected 30m | work 0.02 EUR | people 0.75 EUR | ask label support-lead 20m - no * : not ours ? not (label.confidence >= 0.8)
triage-5 2026-11-20T12:00:00Z 1.0.0 failed 2s: the skill answered with its own error | waste 0.01 EUR
triage-4 2026-11-20T11:00:00Z 1.0.0 done 40m | work 0.02 EUR | people 0.75 EUR | ask send ops-lead 30m 1 yes ? always asked | rung label 1 kapell:triage-deep
triage-3 2026-11-20T10:30:00Z 1.0.0 done 1s | work 0.01 EUR | overhead 0.002 EUR | rung label 0 kapell:triage-words
triage-2 2026-11-20T10:20:00Z 1.0.0 done 900ms | work 0.01 EUR | rung label 0 kapell:triage-words
triage-1 2026-11-20T10:00:00Z 1.0.0 expired 1d | work 0.01 EUR | ask label support-lead 1d 0 expired ? not (label.confidence >= 0.8)
";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn value(text: &str) -> BlobRef {
    BlobRef::Digest(Digest::of(text.as_bytes()))
}

fn declared(worth: Option<&str>, by_hand: Option<&str>) -> Arc<Declared> {
    let outcome = Outcome {
        name: "ticket routed".into(),
        when: None,
        worth: worth.map(|it| it.parse().unwrap()),
        by_hand: by_hand.map(|it| it.parse().unwrap()),
    };
    Arc::new(Declared { outcome: Some(outcome), ..Declared::default() })
}

fn tally(line: &str, declared: &Arc<Declared>) -> Tally {
    let mut parts = line.split(" | ");
    let head: Vec<&str> = parts.next().unwrap().splitn(5, ' ').collect();
    let (run, started, version) = (head[0], at(head[1]), head[2]);
    let (took, reason) =
        head[4].split_once(": ").map_or((head[4], None), |(took, why)| (took, Some(why.to_owned())));
    let ending = json!(head[3]);
    let over = serde_json::from_value::<RunEnding>(ending).ok().map(|ending| Over {
        ending,
        at: started.after(took.parse().unwrap()),
        outcome: ending == RunEnding::Done && reason.is_none(),
        reason,
    });
    let mut tally = Tally {
        flow: "triage".parse().unwrap(),
        run: run.parse().unwrap(),
        version: version.into(),
        plan: Digest::of(version.as_bytes()),
        declared: declared.clone(),
        started,
        over,
        lines: Vec::new(),
        spent: None,
        fuel: 0,
        worked_micros: 0,
        inputs: value("inputs"),
        questions: Vec::new(),
        rungs: Vec::new(),
    };
    parts.for_each(|part| happened(&mut tally, part));
    tally
}

fn happened(tally: &mut Tally, part: &str) {
    let (what, told) = part.split_once(' ').unwrap();
    match what {
        "ask" => tally.questions.push(asked(tally.started, told)),
        "rung" => {
            let told: Vec<&str> = told.splitn(3, ' ').collect();
            let (step, rung) = (told[0].parse().unwrap(), told[1].parse().unwrap());
            tally.rungs.push(Rung { step, rung, by: told[2].into() });
        }
        kind => {
            let kinds =
                [CostKind::Work, CostKind::Models, CostKind::Waste, CostKind::People, CostKind::Overhead];
            let kind = kinds.into_iter().find(|it| it.word() == kind).unwrap();
            tally.lines.push(Line {
                flow: tally.flow.clone(),
                run: tally.run.clone(),
                step: "label".parse().unwrap(),
                from: tally.started,
                at: tally.started,
                skill: None,
                operation: None,
                lane: Lane::Logic,
                kind,
                estimated: false,
                fuel: 0,
                minutes: None,
                money: told.parse().unwrap(),
            });
        }
    }
}

fn asked(at: Timestamp, told: &str) -> Asked {
    let (told, condition) = told.split_once(" ? ").unwrap();
    let (told, reason) =
        told.split_once(" : ").map_or((told, None), |(told, why)| (told, Some(why.to_owned())));
    let words: Vec<&str> = told.split(' ').collect();
    let until = at.after(words[2].parse().unwrap());
    let (verdict, given) = match words[4] {
        "yes" => (Verdict::Approved, None),
        "no" => (Verdict::Rejected, None),
        other => {
            let digest = Digest::of(other.as_bytes());
            (Verdict::Answered, Some(Part { digest, words: format!("{other:?}") }))
        }
    };
    let closed = !["open", "expired"].contains(&words[4]);
    let answer = closed.then(|| Answer {
        verdict,
        part: given,
        reason,
        minutes: words[3].parse().unwrap_or(Decimal::new(15, 1)),
        estimated: words[3] == "-",
        changed: words.get(5) == Some(&"*"),
    });
    let (step, role) = (words[0].parse().unwrap(), words[1].parse().unwrap());
    Asked {
        step,
        rung: 1,
        role,
        opened_by: condition.into(),
        at,
        answer,
        until: (words[4] != "open").then_some(until),
    }
}

fn measured(lines: &str, since: Option<&str>, declared: &Arc<Declared>) -> Measures {
    let mut count = Count::of("triage".parse().unwrap(), since.map(at), at(NOW));
    lines.lines().for_each(|line| count.add(&tally(line, declared), false));
    count.finish()
}

fn told(lines: &str) -> String {
    text(&measured(lines, None, &declared(Some("1.20 EUR"), Some("2m"))))
}

#[test]
fn two_days_read_in_a_terminal() {
    insta::assert_snapshot!(told(RUNS), @r#"
    triage  2026-11-20 10:00 to 2026-11-21 12:00 (UTC), 1 d 2 h
    note  what runs has changed, the figures mix 2 plans: 1.1.0 (7fbd210ebec1) 3 runs, 1.0.0 (92521fc3cbd9) 6 runs

    runs            9 began: 4 done, 1 expired, 1 failed, 1 rejected, 1 waiting for an answer, 1 under way
    outcomes        4 of 9 runs (44.4 %); 3.7 each day; 2 of 4 (50.0 %) without a person
    value           1.54 EUR of declared worth for each EUR of cost; 4.80 EUR in all
    cost            3.112 EUR in all; 0.778 EUR for each outcome; waste 0.3 %
    exceptions      6 of 9 runs (66.7 %); 5 asked a person, 3 ended without an outcome
    cycle time      p50 1.0 s, p90 2 h of 4 outcomes; 56.2 % of it waiting for people; by hand 2 min as declared
    judgment yield  3.5 of 4.5 minutes (77.8 %) went into the 2 of 3 answers (66.7 %) that changed the result; 1.5 of the minutes are estimated

    why people were asked
    step   runs  asked  open  role          condition
    label  4     4      1     support-lead  not (label.confidence >= 0.8)
    send   1     1      0     ops-lead      always asked

    what they answered
    step   times  answer    judged
    label  1      no        too few to say: 2 of 20
    label  1      "defect"
    send   1      yes       too few to say: 1 of 20

    reasons they gave
    step   times  said     reason
    label  1      a value  crashes twice
    label  1      no       not ours
    send   1      -        no reason given

    why runs ended without an outcome
    ending    runs  reason
    expired   1     none recorded
    failed    1     the skill answered with its own error
    rejected  1     none recorded

    which rung answered
    step   rung  by                   times
    label  0     kapell:triage-words  2 of 4 (50.0 %)
    label  1     kapell:triage-deep   1 of 4 (25.0 %)
    label  2     a person             1 of 4 (25.0 %)

    cost
    kind      share   amount
    work      3.2 %   0.10 EUR
    waste     0.3 %   0.01 EUR
    people    96.4 %  3.00 EUR
    overhead  0.1 %   0.002 EUR

    ended, by hour (UTC)
    hour              alone  with a person  otherwise       cost
    2026-11-20 10:00      2              0          0  0.032 EUR
    2026-11-20 11:00      0              1          0   0.77 EUR
    2026-11-20 12:00      0              0          1   0.01 EUR
    2026-11-20 23:00      0              0          1   0.77 EUR
    2026-11-21 10:00      0              0          1   1.52 EUR
    2026-11-21 11:00      0              0          0   0.01 EUR
    2026-11-21 12:00      0              1          0          -
    "#);
}

#[test]
fn two_days_are_json_without_a_number_that_loses_digits() {
    let measures = measured(RUNS, None, &declared(Some("1.20 EUR"), Some("2m")));
    let json = serde_json::to_string_pretty(&measures).unwrap();
    fn floats(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Number(number) => number.as_u64().is_none(),
            serde_json::Value::Array(each) => each.iter().any(floats),
            serde_json::Value::Object(each) => each.values().any(floats),
            _ => false,
        }
    }
    assert!(!floats(&serde_json::from_str(&json).unwrap()));
    insta::assert_snapshot!(json, @r#"
    {
      "flow": "triage",
      "outcome": "ticket routed",
      "from": 1795168800000,
      "until": 1795262400000,
      "example-prices": false,
      "plans": [
        {
          "plan": "sha256:7fbd210ebec11f65a97190ef900795c4b8da3805af3f5a1b8d1d272556b292ca",
          "version": "1.1.0",
          "runs": 3,
          "first": 1795255200000
        },
        {
          "plan": "sha256:92521fc3cbd964bdc9f584a991b89fddaa5754ed1cc96d6d42445338669c1305",
          "version": "1.0.0",
          "runs": 6,
          "first": 1795168800000
        }
      ],
      "plans-in-all": 2,
      "runs": {
        "begun": 9,
        "over": {
          "done": 4,
          "expired": 1,
          "failed": 1,
          "rejected": 1
        },
        "waiting": 1,
        "under-way": 1
      },
      "velocity": {
        "outcomes": {
          "n": 4,
          "of": 9,
          "percent": "44.4"
        },
        "without-a-person": {
          "n": 2,
          "of": 4,
          "percent": "50.0"
        },
        "rate": {
          "known": {
            "outcomes": "3.7",
            "each": "day"
          }
        }
      },
      "value": {
        "worth": {
          "known": "4.80 EUR"
        },
        "declared": {
          "n": 4,
          "of": 4,
          "percent": "100.0"
        },
        "per-unit-of-cost": {
          "known": "1.54"
        }
      },
      "cost": {
        "total": {
          "known": "3.112 EUR"
        },
        "parts": {
          "work": "0.10 EUR",
          "waste": "0.01 EUR",
          "people": "3.00 EUR",
          "overhead": "0.002 EUR"
        },
        "waste-percent": {
          "known": "0.3"
        },
        "per-outcome": {
          "known": "0.778 EUR"
        },
        "estimated": false
      },
      "exceptions": {
        "runs": {
          "n": 6,
          "of": 9,
          "percent": "66.7"
        },
        "asked": 5,
        "ended": 3,
        "endings": [
          {
            "state": "expired",
            "reason": null,
            "runs": 1
          },
          {
            "state": "failed",
            "reason": "the skill answered with its own error",
            "runs": 1
          },
          {
            "state": "rejected",
            "reason": null,
            "runs": 1
          }
        ],
        "more-endings": 0
      },
      "cycle": {
        "outcomes": 4,
        "p50": {
          "known": 1000
        },
        "p90": {
          "known": 7200000
        },
        "by-hand": {
          "known": 120000
        },
        "waited": {
          "n": 5400000,
          "of": 9601900,
          "percent": "56.2"
        },
        "spread": [
          {
            "from": 300,
            "below": 1000,
            "runs": 1
          },
          {
            "from": 1000,
            "below": 3000,
            "runs": 1
          },
          {
            "from": 3000,
            "below": 10000,
            "runs": 0
          },
          {
            "from": 10000,
            "below": 30000,
            "runs": 0
          },
          {
            "from": 30000,
            "below": 60000,
            "runs": 0
          },
          {
            "from": 60000,
            "below": 180000,
            "runs": 0
          },
          {
            "from": 180000,
            "below": 600000,
            "runs": 0
          },
          {
            "from": 600000,
            "below": 1800000,
            "runs": 0
          },
          {
            "from": 1800000,
            "below": 3600000,
            "runs": 1
          },
          {
            "from": 3600000,
            "below": 10800000,
            "runs": 1
          }
        ]
      },
      "judgment": {
        "answers": {
          "n": 2,
          "of": 3,
          "percent": "66.7"
        },
        "minutes": "4.5",
        "estimated-minutes": "1.5",
        "changed-minutes": "3.5",
        "percent": {
          "known": "77.8"
        }
      },
      "questions": [
        {
          "step": "label",
          "rung": 1,
          "condition": "not (label.confidence >= 0.8)",
          "role": "support-lead",
          "runs": 4,
          "asked": 4,
          "answered": 2,
          "waiting": 1,
          "unanswered": 1,
          "ways": [
            {
              "said": "rejected",
              "times": 1
            },
            {
              "said": "answered",
              "value": "\"defect\"",
              "digest": "sha256:00a6009aac697f11c40fb11836ef5cb762f766b2604b66ad25dfafeba3251497",
              "times": 1
            }
          ],
          "more-ways": 0,
          "same-way": {
            "n": 1,
            "of": 2,
            "percent": "50.0"
          },
          "judged": "too-few",
          "reasons": [
            {
              "reason": "crashes twice",
              "said": "answered",
              "times": 1
            },
            {
              "reason": "not ours",
              "said": "rejected",
              "times": 1
            }
          ],
          "more-reasons": 0,
          "without-reason": 0,
          "minutes": "3.5",
          "changed": {
            "n": 2,
            "of": 2,
            "percent": "100.0"
          },
          "waited-p50": {
            "known": 1200000
          }
        },
        {
          "step": "send",
          "rung": 1,
          "condition": "always asked",
          "role": "ops-lead",
          "runs": 1,
          "asked": 1,
          "answered": 1,
          "waiting": 0,
          "unanswered": 0,
          "ways": [
            {
              "said": "approved",
              "times": 1
            }
          ],
          "more-ways": 0,
          "same-way": {
            "n": 1,
            "of": 1,
            "percent": "100.0"
          },
          "judged": "too-few",
          "reasons": [],
          "more-reasons": 0,
          "without-reason": 1,
          "minutes": "1",
          "changed": {
            "n": 0,
            "of": 1,
            "percent": "0.0"
          },
          "waited-p50": {
            "known": 1800000
          }
        }
      ],
      "more-questions": 0,
      "rungs": [
        {
          "step": "label",
          "rung": 0,
          "by": "kapell:triage-words",
          "times": {
            "n": 2,
            "of": 4,
            "percent": "50.0"
          }
        },
        {
          "step": "label",
          "rung": 1,
          "by": "kapell:triage-deep",
          "times": {
            "n": 1,
            "of": 4,
            "percent": "25.0"
          }
        },
        {
          "step": "label",
          "rung": 2,
          "by": "a person",
          "times": {
            "n": 1,
            "of": 4,
            "percent": "25.0"
          }
        }
      ],
      "series": {
        "unit": "hour",
        "points": [
          {
            "from": 1795168800000,
            "done-without-a-person": 2,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {
              "work": "0.03 EUR",
              "overhead": "0.002 EUR"
            }
          },
          {
            "from": 1795172400000,
            "done-without-a-person": 0,
            "done-with-a-person": 1,
            "ended-otherwise": 0,
            "cost": {
              "work": "0.02 EUR",
              "people": "0.75 EUR"
            }
          },
          {
            "from": 1795176000000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 1,
            "cost": {
              "waste": "0.01 EUR"
            }
          },
          {
            "from": 1795179600000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795183200000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795186800000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795190400000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795194000000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795197600000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795201200000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795204800000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795208400000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795212000000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795215600000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 1,
            "cost": {
              "work": "0.02 EUR",
              "people": "0.75 EUR"
            }
          },
          {
            "from": 1795219200000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795222800000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795226400000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795230000000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795233600000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795237200000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795240800000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795244400000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795248000000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795251600000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {}
          },
          {
            "from": 1795255200000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 1,
            "cost": {
              "work": "0.02 EUR",
              "people": "1.50 EUR"
            }
          },
          {
            "from": 1795258800000,
            "done-without-a-person": 0,
            "done-with-a-person": 0,
            "ended-otherwise": 0,
            "cost": {
              "work": "0.01 EUR"
            }
          },
          {
            "from": 1795262400000,
            "done-without-a-person": 0,
            "done-with-a-person": 1,
            "ended-otherwise": 0,
            "cost": {}
          }
        ]
      }
    }
    "#);
}

#[test]
fn one_question_is_a_page() {
    let lines = "triage-2 2026-11-21T10:00:00Z 1.0.0 done 2h | work 0.02 EUR | ask label lead 1h 2 yes : it <fits> ? a < b\n";
    insta::assert_snapshot!(html(&measured(lines, None, &declared(None, None))).split_once("<main>").unwrap().1, @r#"
    <header>
    <h1>triage <span>ticket routed</span></h1>
    <p class="period">2026-11-21 10:00 to 2026-11-21 12:00 (UTC), 2 h</p>
    <p class="period">1 began: 1 done</p>
    </header>
    <div class="tiles">
    <section class="tile">
    <h2>Outcomes</h2>
    <p class="figure">1</p>
    <p>0.50 each hour</p>
    <p>0 of 1 (0.0 %) without a person</p>
    </section>
    <section class="tile">
    <h2>Worth for cost</h2>
    <p class="figure">–</p>
    <p>the flow declares no worth of its outcome</p>
    <p>for 0.02 EUR</p>
    </section>
    <section class="tile">
    <h2>Cost of an outcome</h2>
    <p class="figure">0.02 EUR</p>
    <p>0.0 % wasted</p>
    </section>
    <section class="tile">
    <h2>Exceptions</h2>
    <p class="figure">100.0 %</p>
    <p>1 of 1 runs</p>
    <p>1 asked, 0 without an outcome</p>
    </section>
    <section class="tile">
    <h2>Cycle time, half within</h2>
    <p class="figure">2 h</p>
    <p>nine in ten within 2 h</p>
    <p>the flow declares no time by hand</p>
    </section>
    <section class="tile">
    <h2>Judgment yield</h2>
    <p class="figure">0.0 %</p>
    <p>0 of 2 minutes changed the result</p>
    <p>all minutes are stated</p>
    </section>
    </div>
    <section>
    <h2>Outcomes by hour</h2>
    <p class="about">Runs by when they ended, in UTC.</p>
    <p class="legend"><span><i class="good"></i>done without a person</span> <span><i class="person"></i>done with a person</span> <span><i class="bad"></i>ended without an outcome</span> </p>
    <svg class="plot" viewBox="0 0 720 200" role="img"><title>Outcomes by hour</title><desc>1 began: 1 done</desc>
    <line class="grid" x1="52" y1="176" x2="720" y2="176"/>
    <text class="axis" text-anchor="end" x="44" y="180">0</text>
    <line class="grid" x1="52" y1="8" x2="720" y2="8"/>
    <text class="axis" text-anchor="end" x="44" y="12">1</text>
    <rect class="person" x="580.7" y="8" width="56" height="168"><title>2026-11-21 12:00: 1 done with a person</title></rect>
    <text class="axis" text-anchor="middle" x="163.3" y="194">10:00</text>
    <text class="axis" text-anchor="middle" x="386" y="194">11:00</text>
    <text class="axis" text-anchor="middle" x="608.7" y="194">12:00</text>
    </svg>
    </section>
    <section>
    <h2>Why the normal case did not run through</h2>
    <p class="about">Questions by the condition that opened them, with what people answered.</p>
    <div class="question">
    <h3><code>a &lt; b</code></h3>
    <p class="about">label asks lead in 1 of 1 runs (100.0 %)</p>
    <svg class="bar" viewBox="0 0 720 12" preserveAspectRatio="none" role="img"><title>Answers</title><desc>yes 1 of 1 (100.0 %)</desc>
    <rect class="good" x="0" y="0" width="718.5" height="12"><title>yes 1 of 1 (100.0 %)</title></rect>
    </svg>
    <p class="legend"><span><i class="good"></i>yes 1 of 1 (100.0 %)</span> </p>
    <p class="judged">too few to say: 1 of 20</p>
    <ul class="reasons">
    <li><q>it &lt;fits&gt;</q> <span>1 time</span></li>
    </ul>
    </div>
    </section>
    <section>
    <h2>How long an outcome takes</h2>
    <p class="about">Outcomes by the time from a run&#39;s beginning to its end, people&#39;s time to answer included.</p>
    <svg class="plot" viewBox="0 0 720 200" role="img"><title>How long an outcome takes</title><desc>half within 2 h, nine in ten within 2 h</desc>
    <line class="grid" x1="52" y1="176" x2="720" y2="176"/>
    <text class="axis" text-anchor="end" x="44" y="180">0</text>
    <line class="grid" x1="52" y1="40" x2="720" y2="40"/>
    <text class="axis" text-anchor="end" x="44" y="44">1</text>
    <rect class="good" x="52.5" y="40" width="667" height="136"><title>1 h to 3 h: 1 outcome</title></rect>
    <text class="axis" text-anchor="middle" x="52" y="194">1 h</text>
    <text class="axis" text-anchor="end" x="720" y="194">3 h</text>
    <line class="mark" x1="473.5" y1="2" x2="473.5" y2="176"/>
    <text class="name" text-anchor="start" x="479.5" y="12">half within 2 h</text>
    <line class="mark" x1="473.5" y1="18" x2="473.5" y2="176"/>
    <text class="name" text-anchor="start" x="479.5" y="28">nine in ten within 2 h</text>
    </svg>
    <p class="about">50.0 % of that time went by while people were waited for.</p>
    </section>
    <section>
    <h2>Cost by hour</h2>
    <p class="about">Everything that was charged for these runs in EUR, by when it was charged.</p>
    <p class="legend"><span><i class="good"></i>work 0.02 EUR, 100.0 %</span> </p>
    <svg class="plot" viewBox="0 0 720 200" role="img"><title>Cost by hour</title><desc>0.02 EUR in all</desc>
    <line class="grid" x1="52" y1="176" x2="720" y2="176"/>
    <text class="axis" text-anchor="end" x="44" y="180">0</text>
    <line class="grid" x1="52" y1="134" x2="720" y2="134"/>
    <text class="axis" text-anchor="end" x="44" y="138">0.005</text>
    <line class="grid" x1="52" y1="92" x2="720" y2="92"/>
    <text class="axis" text-anchor="end" x="44" y="96">0.01</text>
    <line class="grid" x1="52" y1="50" x2="720" y2="50"/>
    <text class="axis" text-anchor="end" x="44" y="54">0.015</text>
    <line class="grid" x1="52" y1="8" x2="720" y2="8"/>
    <text class="axis" text-anchor="end" x="44" y="12">0.02</text>
    <rect class="good" x="135.3" y="8" width="56" height="168"><title>2026-11-21 10:00: 0.02 EUR work</title></rect>
    <text class="axis" text-anchor="middle" x="163.3" y="194">10:00</text>
    <text class="axis" text-anchor="middle" x="386" y="194">11:00</text>
    <text class="axis" text-anchor="middle" x="608.7" y="194">12:00</text>
    </svg>
    </section>
    <section>
    <h2>Who answered</h2>
    <p class="about">For each step whose output is judged, the rung of its ladder that settled it.</p>
    <p class="none">No step of this flow is judged.</p>
    </section>
    <footer>
    <details><summary>How this is counted</summary>
    <p>Every figure is of the runs that began in the period, and made from the journal alone. An outcome is a run that ended done, and with what its flow says makes an outcome, where it says so. An exception is a run that asked a person or ended without an outcome. Cost is everything that was charged for these runs, those without an outcome too: work, models, waste (attempts whose output was not used), people and overhead. Worth and time by hand are what the flow's owner declares. Half of the outcomes took no longer than p50, nine in ten no longer than p90. An answer changed the result when it was a no, or a value of which the flow takes something else than of the one shown. A question is noise when of twenty answers or more over 95 % went the same way.</p></details>
    </footer>
    </main>
    </body>
    </html>
    "#);
}

#[test]
fn what_cannot_be_known_says_so() {
    insta::assert_snapshot!(told(""), @r#"
    triage  until 2026-11-21 12:00 (UTC)

    runs            none began in the period
    outcomes        0 of 0 runs; no rate: no run began in the period; 0 of 0 without a person
    value           unknown: no run has come to its outcome yet
    cost            unknown: nothing was charged
    exceptions      0 of 0 runs; 0 asked a person, 0 ended without an outcome
    cycle time      unknown: no run has come to its outcome yet; the flow declares no time by hand
    judgment yield  unknown: nobody has answered anything yet
    "#);
    let only_failed = "triage-1 2026-11-21T11:59:00Z 1.0.0 failed 2s: no such file\n";
    insta::assert_snapshot!(text(&measured(only_failed, None, &Arc::new(Declared::default()))), @r#"
    triage  2026-11-21 11:59 to 2026-11-21 12:00 (UTC), 1 min

    runs            1 began: 1 failed
    outcomes        0 of 1 runs (0.0 %); no rate: the period is shorter than an hour; 0 of 0 without a person
    value           unknown: no run has come to its outcome yet
    cost            unknown: nothing was charged
    exceptions      1 of 1 runs (100.0 %); 0 asked a person, 1 ended without an outcome
    cycle time      unknown: no run has come to its outcome yet; the flow declares no time by hand
    judgment yield  unknown: nobody has answered anything yet

    why runs ended without an outcome
    ending  runs  reason
    failed  1     no such file

    ended, by hour (UTC)
    hour              alone  with a person  otherwise  cost
    2026-11-21 11:00      0              0          1     -
    "#);
    let waits = "triage-1 2026-11-21T11:00:00Z 1.0.0 open 0s | ask label lead 0s 0 open ? always asked\n";
    insta::assert_snapshot!(told(waits), @r#"
    triage  2026-11-21 11:00 to 2026-11-21 12:00 (UTC), 1 h

    runs            1 began: 1 waiting for an answer
    outcomes        0 of 1 runs (0.0 %); 0.00 each hour; 0 of 0 without a person
    value           unknown: no run has come to its outcome yet
    cost            unknown: nothing was charged
    exceptions      1 of 1 runs (100.0 %); 1 asked a person, 0 ended without an outcome
    cycle time      unknown: no run has come to its outcome yet; by hand 2 min as declared
    judgment yield  unknown: nobody has answered anything yet

    why people were asked
    step   runs  asked  open  role  condition
    label  1     1      1     lead  always asked
    "#);
}

#[test]
fn a_run_that_is_there_alone_makes_whole_sentences() {
    insta::assert_snapshot!(told("triage-1 2026-11-20T11:00:00Z 1.0.0 done 3s | work 0.01 EUR\n"), @r#"
    triage  2026-11-20 11:00 to 2026-11-21 12:00 (UTC), 1 d 1 h

    runs            1 began: 1 done
    outcomes        1 of 1 runs (100.0 %); 0.96 each day; 1 of 1 (100.0 %) without a person
    value           120.00 EUR of declared worth for each EUR of cost; 1.20 EUR in all
    cost            0.01 EUR in all; 0.01 EUR for each outcome; waste 0.0 %
    exceptions      0 of 1 runs (0.0 %); 0 asked a person, 0 ended without an outcome
    cycle time      p50 3.0 s, p90 3.0 s of 1 outcome; 0.0 % of it waiting for people; by hand 2 min as declared
    judgment yield  unknown: nobody has answered anything yet

    cost
    kind  share    amount
    work  100.0 %  0.01 EUR

    ended, by hour (UTC)
    hour              alone  with a person  otherwise      cost
    2026-11-20 11:00      1              0          0  0.01 EUR
    "#);
}

#[test]
fn amounts_in_two_currencies_are_not_added_up() {
    let lines = "\
triage-2 2026-11-20T11:00:00Z 1.0.0 done 3s | work 0.01 EUR\n\
triage-1 2026-11-20T10:00:00Z 1.0.0 done 3s | work 0.01 USD\n";
    let measures = measured(lines, None, &declared(Some("1.20 EUR"), None));
    let why = "the amounts do not add up: they are in more than one currency";
    assert_eq!(measures.cost.total, Figure::Unknown(why));
    assert_eq!(measures.value.per_unit_of_cost, Figure::Unknown(why));
    assert!(measures.cost.parts.is_empty());
    let dollars = measured(lines.lines().last().unwrap(), None, &declared(Some("1.20 EUR"), None));
    assert_eq!(dollars.value.per_unit_of_cost, Figure::Unknown("worth and cost are in two currencies"));
}

/// So many answers, all but the first few the same.
fn answers(same: usize, other: usize) -> Question {
    let line = |nth: usize| {
        let said = if nth < other { "no" } else { "yes" };
        format!(
            "triage-{nth} 2026-11-20T11:00:00Z 1.0.0 done 3s | ask label lead 1h 2 {said} ? always asked\n"
        )
    };
    let lines: String = (0..same + other).map(line).collect();
    measured(&lines, None, &declared(None, None)).questions.remove(0)
}

#[test]
fn noise_is_more_than_95_in_a_hundred_of_twenty_or_more() {
    assert_eq!(answers(19, 0).judged, Judged::TooFew);
    assert_eq!(answers(20, 0).judged, Judged::Noise);
    assert_eq!(answers(19, 1).judged, Judged::Varied, "95 in a hundred is not more");
    assert_eq!(answers(20, 1).judged, Judged::Noise);
    let lines: String = (0..20)
        .map(|nth| {
            format!("triage-{nth} 2026-11-20T11:00:00Z 1.0.0 open 0s | ask label lead 1h 2 open ? a\n")
        })
        .collect();
    let open = measured(&lines, None, &declared(None, None)).questions.remove(0);
    assert_eq!(
        (open.judged, open.waiting, open.answered),
        (Judged::TooFew, 20, 0),
        "what waits is no answer"
    );
}

#[test]
fn the_yield_is_of_minutes_and_not_of_answers() {
    let lines = "\
triage-2 2026-11-20T11:00:00Z 1.0.0 done 3s | ask label lead 1h 9 yes ? a\n\
triage-1 2026-11-20T10:00:00Z 1.0.0 done 3s | ask label lead 1h 1 no * ? a\n";
    let judgment = measured(lines, None, &declared(None, None)).judgment;
    assert_eq!(judgment.percent, Figure::Known("10.0".parse().unwrap()));
    assert_eq!(judgment.answers, Share { n: 1, of: 2 });
}

#[test]
fn shares_are_nothing_or_all_only_when_they_are() {
    let percent = |n, of| Share { n, of }.percent().map(|it| it.to_string());
    assert_eq!(percent(0, 0), None);
    assert_eq!(percent(0, 7).as_deref(), Some("0.0"));
    assert_eq!(percent(1, 100_000).as_deref(), Some("0.1"));
    assert_eq!(percent(99_999, 100_000).as_deref(), Some("99.9"));
    assert_eq!(percent(7, 7).as_deref(), Some("100.0"));
    assert_eq!(percent(1, 8).as_deref(), Some("12.5"));
    assert_eq!(percent(1, 16).as_deref(), Some("6.3"), "halves go up");
}

#[test]
fn ranks_are_the_nearest() {
    let ranks = |numbers: &[u64]| (count::rank(numbers.to_vec(), 50), count::rank(numbers.to_vec(), 90));
    assert_eq!(ranks(&[]), (None, None));
    assert_eq!(ranks(&[7]), (Some(7), Some(7)));
    assert_eq!(ranks(&[4, 3, 2, 1]), (Some(2), Some(4)));
    assert_eq!(ranks(&(1..=10).collect::<Vec<_>>()), (Some(5), Some(9)));
}

#[test]
fn nothing_anybody_wrote_acts_on_a_terminal_or_is_markup() {
    let declared = Arc::new(Declared {
        outcome: Some(Outcome { name: HOSTILE.into(), when: None, worth: None, by_hand: None }),
        ..Declared::default()
    });
    let hostile = HOSTILE.replace(' ', "_");
    let line = format!(
        "triage-1 2026-11-20T11:00:00Z {hostile} failed 3s: {HOSTILE} | rung label 0 {HOSTILE} | \
         ask label lead 1h 2 {hostile} * : {HOSTILE} ? {HOSTILE}"
    );
    let mut count = Count::of("triage".parse().unwrap(), None, at(NOW));
    count.add(&tally(&line, &declared), true);
    count.add(&tally(&line.replace("T11", "T10").replacen("triage-1", "triage-2", 1), &declared), true);
    let measures = count.finish();
    let (told, page) = (text(&measures), html(&measures));
    assert!(
        !told.chars().any(|letter| (letter.is_control() && letter != '\n') || letter == '\u{202e}'),
        "{told}"
    );
    stands_alone(&page);
    let known = [
        "!doctype", "b", "body", "code", "desc", "details", "div", "footer", "h1", "h2", "h3", "head",
        "header", "html", "i", "li", "line", "main", "meta", "p", "q", "rect", "section", "span", "style",
        "summary", "svg", "text", "title", "ul",
    ];
    assert_eq!(elements(&page), known.map(str::to_owned).into());
}

#[test]
fn every_figure_is_defined() {
    fn names(value: &serde_json::Value, into: &mut std::collections::BTreeSet<String>) {
        match value {
            serde_json::Value::Array(each) => each.iter().for_each(|it| names(it, into)),
            serde_json::Value::Object(each) => each.iter().for_each(|(name, it)| {
                into.insert(name.clone());
                names(it, into);
            }),
            _ => {}
        }
    }
    let definitions = include_str!("../../MEASURES.md");
    let mut all = std::collections::BTreeSet::new();
    names(
        &serde_json::to_value(measured(RUNS, None, &declared(Some("1.20 EUR"), Some("2m")))).unwrap(),
        &mut all,
    );
    let endings = ["done", "expired", "failed", "rejected"];
    let undefined =
        all.iter().filter(|it| !endings.contains(&it.as_str()) && !definitions.contains(&format!("`{it}`")));
    assert_eq!(undefined.collect::<Vec<_>>(), [""; 0]);
}
