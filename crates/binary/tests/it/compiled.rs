//! Small programs, compiled here and now.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

/// A program with a check that can be patched, and something to call.
pub(crate) const PROGRAM: &str = r#"#include <stdio.h>
#include <string.h>
static volatile int seen;
__attribute__((noinline)) int count(const char *text) {
    int n = 0;
    while (*text++) n += seen + 1;
    return n;
}
__attribute__((noinline)) int allow(int x) { seen += x; return 1; }
__attribute__((noinline)) int deny(int x) { seen += x; return 0; }
__attribute__((noinline)) int verify(const char *key) {
    if (count(key) < 4) return deny(3);
    PATCH
    return memcmp(key, "limpid", 6) == 0 ? allow(count(key)) : deny(7);
}
__attribute__((noinline)) int show(int code) {
    printf("code %d\n", code);
    return code;
}
static inline int twice(int x) { return show(x) * 2; }
int main(int argc, char **argv) {
    STAMP
    return argc > 1 ? twice(verify(argv[1])) : show(2);
}
"#;

/// A folder for one test.
pub(crate) struct Bench(TempDir);

impl Bench {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs a command in the folder; it must succeed.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap()
    }

    /// Compiles `text` as `folder/main.c`, seen by the compiler at that path.
    pub(crate) fn gcc_in(&self, folder: &str, text: &str, flags: &[&str]) -> Vec<u8> {
        let source = format!("{folder}/main.c");
        self.write(&source, text);
        let source = self.path().join(source);
        let mut arguments = vec!["-o", "out", source.to_str().unwrap()];
        arguments.extend(flags);
        self.run("gcc", &arguments);
        self.read("out")
    }

    /// Compiles `text` at one fixed place.
    pub(crate) fn gcc(&self, text: &str, flags: &[&str]) -> Vec<u8> {
        self.gcc_in("src", text, flags)
    }

    /// The program with something put in at its two marks.
    pub(crate) fn program(&self, patch: &str, stamp: &str, flags: &[&str]) -> Vec<u8> {
        self.gcc(&with(patch, stamp), flags)
    }

    /// Compiles and takes all symbols off.
    pub(crate) fn stripped(&self, patch: &str, flags: &[&str]) -> Vec<u8> {
        let bytes = self.program(patch, "", flags);
        self.write("full", bytes);
        self.run("strip", &["-o", "bare", "full"]);
        self.read("bare")
    }
}

pub(crate) fn with(patch: &str, stamp: &str) -> String {
    PROGRAM.replace("PATCH", patch).replace("STAMP", stamp)
}

/// A time stamp as `__TIME__` makes it, with the clock passed in.
pub(crate) fn stamp(time: &str) -> String {
    format!("puts(\"built {time}\");")
}

/// What a cheat would add.
pub(crate) const BACKDOOR: &str = r#"if (!memcmp(key, "open sesame", 11)) return allow(1);"#;
