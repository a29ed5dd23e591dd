//! From TOML to [`Recipe`]; every refusal names line, field and value.

mod places;
mod shape;

use std::collections::BTreeMap;

use sandbox::Limits;
use toml::Spanned;

use crate::limits::{
    ARGUMENT_VALUES_MAX, ARTIFACTS_MAX, JOBS_MAX, RECIPE_BYTES_MAX, STEPS_MAX, WORDS_MAX,
};
use crate::recipe::{Argument, ArtifactPlace, JOBS, Recipe, RecipeFault, Test};
use places::Places;
use shape::{
    ArgumentText, ArtifactText, BuildText, LimitsText, OneOrMany, RecipeText, StepText, TestText,
};

/// 1980-01-01: the oldest time that every archive format can hold.
const DEFAULT_EPOCH: u64 = 315_532_800;
/// 9999-12-31, the last day RFC 3339 can write.
const EPOCH_MAX: u64 = 253_402_214_400;
/// Folders below /build that are the builder's own.
const TAKEN: [&str; 2] = ["/build/home", "/build/vendor"];
/// Variables that the builder sets, or that reach into the loader or the toolchain's choice of programs.
const RESERVED: [&str; 13] = [
    "PATH",
    "HOME",
    "PWD",
    "TZ",
    "LANG",
    "TMPDIR",
    "SOURCE_DATE_EPOCH",
    "CARGO_HOME",
    "CARGO_INCREMENTAL",
    "CARGO_BUILD_JOBS",
    "CARGO_NET_OFFLINE",
    "CARGO_TERM_COLOR",
    "JOBS",
];
const RESERVED_STARTS: [&str; 2] = ["LC_", "LD_"];

const NAME: &str = "1 to 64 of a-z, 0-9 and -, not starting with -";
const FILE_NAME: &str = "1 to 128 of letters, digits, . _ + - not starting with . or -";

pub(crate) fn parse(bytes: &[u8]) -> Result<Recipe, RecipeFault> {
    let whole = |value: String, want: &str| RecipeFault {
        line: 1,
        field: "recipe".to_owned(),
        value,
        want: want.to_owned(),
    };
    if bytes.len() as u64 > RECIPE_BYTES_MAX {
        let value = format!("{} bytes", bytes.len());
        return Err(whole(value, "at most 65,536 bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| whole("bytes".to_owned(), "UTF-8 text"))?;
    let at = Places { text };
    let recipe: RecipeText = toml::from_str(text).map_err(|error| at.toml(&error))?;
    let build = &recipe.build;
    let arguments = at.arguments(&recipe.arguments)?;
    let jobs = at.number(
        "build.jobs",
        build.jobs.as_ref(),
        8,
        1..=u64::from(JOBS_MAX),
    )?;
    let cargo_lock = recipe.cargo.as_ref().map(|cargo| {
        let want = "the path of a Cargo.lock in the source";
        at.word("cargo.lock", &cargo.lock, want)
    });
    Ok(Recipe {
        product: at.checked("product", &recipe.product, is_name, NAME)?,
        version: at.checked(
            "version",
            &recipe.version,
            is_version,
            "1 to 64 of letters, digits, . + - starting with a digit",
        )?,
        kind: at.word("kind", &recipe.kind, "\"software\" or \"rules\"")?,
        platform: at.word("platform", &recipe.platform, "\"linux-x86_64\"")?,
        environment: at.checked(
            "environment.name",
            &recipe.environment.name,
            is_name,
            "1 to 64 of a-z, 0-9 and -",
        )?,
        steps: at.steps(build, &recipe.step, &arguments)?,
        tests: at.tests(&recipe.test, &arguments)?,
        inner_path: at.inner_path(build.inner_path.as_ref())?,
        env: at.env(&build.env, &arguments)?,
        jobs: u32::try_from(jobs).unwrap_or(JOBS_MAX),
        source_date_epoch: at.number(
            "build.source_date_epoch",
            build.source_date_epoch.as_ref(),
            DEFAULT_EPOCH,
            0..=EPOCH_MAX,
        )?,
        limits: at.limits(&build.limits)?,
        cargo_lock: cargo_lock.transpose()?,
        artifacts: at.artifacts(&recipe.artifact)?,
        digest: tlog::sha256(bytes),
        arguments,
    })
}

type Arguments = BTreeMap<String, Argument>;

impl Places<'_> {
    fn arguments(
        &self,
        texts: &BTreeMap<Spanned<String>, ArgumentText>,
    ) -> Result<Arguments, RecipeFault> {
        let mut arguments = Arguments::new();
        for (name, text) in texts {
            let field = format!("arguments.{}", name.get_ref());
            if name.get_ref() == JOBS || arguments.len() == WORDS_MAX {
                let want = "another name than jobs, and at most 64 of them";
                return Err(self.fault(&field, name.span(), want));
            }
            let name = self.checked(&field, name, is_name, NAME)?;
            let values = text.values.get_ref();
            let mut distinct = values.clone();
            distinct.sort_unstable();
            distinct.dedup();
            let is_fine = (1..=ARGUMENT_VALUES_MAX).contains(&values.len())
                && distinct.len() == values.len()
                && values.iter().all(|value| is_value(value));
            if !is_fine {
                return Err(self.fault(
                    &format!("{field}.values"),
                    text.values.span(),
                    "1 to 32 distinct values of at most 128 letters, digits and . _ + - = , / :",
                ));
            }
            if !values.contains(text.default.get_ref()) {
                let field = format!("{field}.default");
                return Err(self.fault(&field, text.default.span(), "one of the values"));
            }
            let argument = Argument {
                values: values.clone(),
                chosen: text.default.get_ref().clone(),
            };
            arguments.insert(name, argument);
        }
        Ok(arguments)
    }

    /// `build.command` is one step; a recipe has it or `[[step]]`.
    fn steps(
        &self,
        build: &BuildText,
        steps: &[StepText],
        arguments: &Arguments,
    ) -> Result<Vec<Vec<String>>, RecipeFault> {
        match (&build.command, steps) {
            (Some(command), []) => Ok(vec![self.command("build.command", command, arguments)?]),
            (Some(command), _) => {
                let want = "either build.command or [[step]], not both";
                Err(self.fault("build.command", command.span(), want))
            }
            (None, []) => Err(RecipeFault {
                line: 1,
                field: "build.command".to_owned(),
                value: "(absent)".to_owned(),
                want: "build.command, or at least one [[step]]".to_owned(),
            }),
            (None, [.., last]) if steps.len() > STEPS_MAX => {
                Err(self.fault("step.command", last.command.span(), "at most 64 steps"))
            }
            (None, steps) => steps
                .iter()
                .map(|step| self.command("step.command", &step.command, arguments))
                .collect(),
        }
    }

    fn tests(&self, tests: &[TestText], arguments: &Arguments) -> Result<Vec<Test>, RecipeFault> {
        let mut checked: Vec<Test> = Vec::new();
        for test in tests {
            let name = self.checked("test.name", &test.name, is_name, NAME)?;
            if checked.len() == STEPS_MAX || checked.iter().any(|known| known.name == name) {
                let want = "a name of its own, at most 64 tests";
                return Err(self.fault("test.name", test.name.span(), want));
            }
            let command = self.command("test.command", &test.command, arguments)?;
            checked.push(Test { name, command });
        }
        Ok(checked)
    }

    fn artifacts(
        &self,
        artifacts: &OneOrMany<ArtifactText>,
    ) -> Result<Vec<ArtifactPlace>, RecipeFault> {
        let mut checked: Vec<ArtifactPlace> = Vec::new();
        for artifact in &artifacts.0 {
            let want = "a relative path without . and ..";
            let place = ArtifactPlace {
                path: self.word("artifact.path", &artifact.path, want)?,
                name: self.checked("artifact.name", &artifact.name, is_file_name, FILE_NAME)?,
            };
            if checked.len() == ARTIFACTS_MAX || checked.iter().any(|one| one.name == place.name) {
                let want = "a name of its own, at most 32 artifacts";
                return Err(self.fault("artifact.name", artifact.name.span(), want));
            }
            checked.push(place);
        }
        if checked.is_empty() {
            return Err(RecipeFault {
                line: 1,
                field: "artifact".to_owned(),
                value: "[]".to_owned(),
                want: "at least one artifact".to_owned(),
            });
        }
        Ok(checked)
    }

    fn inner_path(&self, path: Option<&Spanned<String>>) -> Result<String, RecipeFault> {
        let Some(path) = path else {
            return Ok("/build/src".to_owned());
        };
        let text = path.get_ref();
        let is_plain = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
        let is_below = text
            .strip_prefix("/build/")
            .is_some_and(|rest| rest.parse::<crate::path::TreePath>().is_ok());
        let is_taken = TAKEN
            .iter()
            .any(|taken| text == *taken || text.starts_with(&format!("{taken}/")));
        if is_plain && is_below && !is_taken {
            return Ok(text.clone());
        }
        Err(self.fault(
            "build.inner_path",
            path.span(),
            "a plain path below /build/, other than /build/home and /build/vendor",
        ))
    }

    fn env(
        &self,
        env: &BTreeMap<Spanned<String>, Spanned<String>>,
        arguments: &Arguments,
    ) -> Result<BTreeMap<String, String>, RecipeFault> {
        let mut checked = BTreeMap::new();
        for (name, value) in env {
            let text = name.get_ref();
            let is_name = (1..=64).contains(&text.len())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
                && !text.as_bytes()[0].is_ascii_digit();
            let is_reserved = RESERVED.contains(&text.as_str())
                || RESERVED_STARTS.iter().any(|start| text.starts_with(start));
            if !is_name || is_reserved || checked.len() >= WORDS_MAX {
                return Err(self.fault("build.env", name.span(), "a name of A-Z, 0-9 and _ that the builder does not set itself, at most 64 of them"));
            }
            let field = format!("build.env.{text}");
            self.filling(&field, value.span(), value.get_ref(), arguments)?;
            checked.insert(text.clone(), value.get_ref().clone());
        }
        Ok(checked)
    }

    fn limits(&self, text: &LimitsText) -> Result<Limits, RecipeFault> {
        let default = Limits::default();
        let number = |field, value: &Option<Spanned<u64>>, default, max| {
            self.number(field, value.as_ref(), default, 1..=max)
        };
        Ok(Limits {
            wall_ms: number(
                "build.limits.wall_ms",
                &text.wall_ms,
                default.wall_ms,
                24 * 3_600_000,
            )?,
            output_bytes_max: number(
                "build.limits.output_bytes_max",
                &text.output_bytes_max,
                default.output_bytes_max,
                1 << 30,
            )?,
            file_bytes_max: number(
                "build.limits.file_bytes_max",
                &text.file_bytes_max,
                default.file_bytes_max,
                64 << 30,
            )?,
            disk_bytes_max: number(
                "build.limits.disk_bytes_max",
                &text.disk_bytes_max,
                default.disk_bytes_max,
                256 << 30,
            )?,
            memory_bytes_max: number(
                "build.limits.memory_bytes_max",
                &text.memory_bytes_max,
                default.memory_bytes_max,
                256 << 30,
            )?,
            processes_max: number(
                "build.limits.processes_max",
                &text.processes_max,
                default.processes_max,
                16_384,
            )?,
        })
    }
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
}

fn is_version(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".+-".contains(&byte))
        && text.as_bytes()[0].is_ascii_digit()
}

fn is_file_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
        && !text.starts_with(['.', '-'])
}

fn is_value(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._+-=,/:".contains(&byte))
}
