//! Every example's README is what happens: its sessions run in a fresh copy of its folder.

use crate::console;
use crate::stage::{Stage, repository};

fn plays(name: &str) {
    // Built together and once, so that each session builds nothing.
    crate::stage::skill("hello");
    console::check(&repository().join("examples").join(name).join("README.md"), &Stage::example(name));
}

macro_rules! examples {
    ($($test:ident $folder:literal)*) => {
        $(#[test]
        fn $test() {
            plays($folder);
        })*

        #[test]
        fn no_example_is_forgotten() {
            let known = [$($folder),*];
            for entry in std::fs::read_dir(repository().join("examples")).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(name == "README.md" || known.contains(&name.as_str()), "examples/{name} is not played");
            }
        }
    };
}

examples! {
    hello "01-hello"
    grants "02-grants"
    question "03-question"
    limit "04-limit"
    resume "05-resume"
    swap "06-swap"
    onboarding "07-onboarding"
    review "08-review"
    flow_review "09-flow-review"
}
