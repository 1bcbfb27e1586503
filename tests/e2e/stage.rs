//! The harness: a project folder of its own for each test, the real program in it, and skills built once.

use kapell_home::{CompileCaps, CompileWorker, Compiler, Options};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// What a test inherits from whoever runs it; everything else could change what it shows.
const INHERITED: [&str; 7] =
    ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_TARGET_DIR", "TMPDIR"];

/// A project folder with nothing around it, gone after the test.
pub(crate) struct Stage {
    folder: TempDir,
    project: PathBuf,
    /// What stands in what is said, and what is written for it.
    said_as: Vec<(String, String)>,
}

/// How a test opens a home without the program: the program compiles for it, within these caps or its own.
pub(crate) fn options() -> Options {
    Options { compiler: Some(compiler(CompileCaps::default())), ..Options::default() }
}

/// The real program as a compile worker.
pub(crate) fn compiler(caps: CompileCaps) -> Compiler {
    let (program, arguments) = (env!("CARGO_BIN_EXE_kapell").into(), vec!["compile-worker".into()]);
    Compiler::Apart(CompileWorker { program, arguments, caps })
}

/// What the program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// The exit code; none when it was killed.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Stage {
    /// An empty project.
    pub(crate) fn empty() -> Self {
        let folder = TempDir::with_prefix("kapell-").unwrap();
        let project = folder.path().join("project");
        fs::create_dir(&project).unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        link(Path::new(env!("CARGO_BIN_EXE_kapell")), &folder.path().join("bin/kapell"));
        Self { folder, project, said_as: Vec::new() }
    }

    /// A fresh copy of an example's folder, standing to `plugins` as the original does.
    pub(crate) fn example(name: &str) -> Self {
        let mut stage = Self::empty();
        link(&repository().join("plugins"), &stage.folder.path().join("plugins"));
        stage.project = stage.folder.path().join("examples").join(name);
        copy(&repository().join("examples").join(name), &stage.project);
        stage
    }

    /// The project folder.
    pub(crate) fn project(&self) -> &Path {
        &self.project
    }

    /// Puts `real` where a file of the project has `written`; what is said has it the other way round, so that a
    /// session reads the same on every machine.
    pub(crate) fn stands_for(&mut self, file: &str, written: &str, real: &str) {
        let text = self.read(file);
        assert!(text.contains(written), "{file} has no {written}");
        self.write(file, text.replace(written, real));
        self.said_as.push((real.to_owned(), written.to_owned()));
    }

    /// What was said, as it is written down.
    pub(crate) fn as_written(&self, said: &str) -> String {
        let said = said.replace(&self.project.display().to_string(), "/project");
        self.said_as.iter().fold(said, |said, (real, written)| said.replace(real, written))
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.project.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Reads a file of the project.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.project.join(name)).unwrap()
    }

    /// Installs skills of `plugins` by their folders' names, from components that were built once.
    pub(crate) fn add(&self, skills: &[&str]) {
        let files = skills.iter().map(|name| self.write(&format!("skills/{name}.wasm"), skill(name)));
        let files: Vec<String> = files.map(|file| file.display().to_string()).collect();
        let arguments: Vec<&str> = ["add"].into_iter().chain(files.iter().map(String::as_str)).collect();
        self.kapell(&arguments).ends(0);
    }

    /// Runs the program to its end.
    pub(crate) fn kapell(&self, arguments: &[&str]) -> Said {
        self.kapell_fed(arguments, "")
    }

    /// Runs the program with a text on its standard input.
    pub(crate) fn kapell_fed(&self, arguments: &[&str], input: &str) -> Said {
        use std::io::Write as _;
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        // A program that does not read its input closes the pipe, which is its right.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Said::of(child.wait_with_output().unwrap())
    }

    /// The program, ready to be spawned with its output piped.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.folder.path().join("bin/kapell"));
        #[cfg(unix)]
        std::os::unix::process::CommandExt::arg0(&mut command, "kapell");
        command.args(arguments);
        self.settle(&mut command);
        command
    }

    /// A line for the shell, in which `kapell` is the program of this build.
    pub(crate) fn shell(&self, line: &str) -> Said {
        let mut command = Command::new("bash");
        command.arg("-c").arg(format!("exec 2>&1\n{line}"));
        self.settle(&mut command);
        Said::of(command.stdin(Stdio::null()).output().unwrap())
    }

    /// Lets a command run in the project, seeing nothing of whoever runs the tests.
    pub(crate) fn settle(&self, command: &mut Command) {
        command.env_clear().current_dir(&self.project).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.folder.path().join("bin").display()));
        command.env("USER", "ada").env("LC_ALL", "C.UTF-8");
    }
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Ends the test unless the program ended with this code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }

    /// The one JSON object on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|cause| panic!("{cause}\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err))
    }
}

/// The repository's folder.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The component of a skill in `plugins`. All of them are built together, once a process.
pub(crate) fn skill(name: &str) -> &'static [u8] {
    static SKILLS: OnceLock<Vec<kapell_workshop::Built>> = OnceLock::new();
    let built = SKILLS.get_or_init(|| {
        let mut folders: Vec<PathBuf> =
            fs::read_dir(repository().join("plugins")).unwrap().map(|entry| entry.unwrap().path()).collect();
        folders.retain(|folder| folder.join("skill.toml").is_file());
        folders.sort();
        kapell_workshop::build_many(&folders, &mut |_| {}).unwrap()
    });
    let found = built.iter().find(|built| built.folder.ends_with(name));
    &found.unwrap_or_else(|| panic!("there is no skill {name} in plugins")).bytes
}

/// Copies a folder; skills in it are linked, for their packages belong to the workspace.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        match from.is_dir() {
            true if from.join("Cargo.toml").is_file() => link(&from, &to),
            true => copy(&from, &to),
            false => drop(fs::copy(&from, &to).unwrap()),
        }
    }
}

fn link(from: &Path, to: &Path) {
    std::os::unix::fs::symlink(from, to).unwrap();
}
