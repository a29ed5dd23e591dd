//! From TOML to [`Recipe`]; every refusal names line, field and value.

use std::collections::BTreeMap;
use std::ops::Range;

use sandbox::Limits;
use serde::Deserialize;
use toml::Spanned;

use crate::limits::{JOBS_MAX, RECIPE_BYTES_MAX, WORD_BYTES_MAX, WORDS_MAX};
use crate::recipe::{Recipe, RecipeFault};

/// 1980-01-01: the oldest time that every archive format can hold.
const DEFAULT_EPOCH: u64 = 315_532_800;
/// 9999-12-31, the last day RFC 3339 can write.
const EPOCH_MAX: u64 = 253_402_214_400;
/// Folders below /build that are the builder's own.
const TAKEN: [&str; 1] = ["/build/home"];
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecipeText {
    product: Spanned<String>,
    version: Spanned<String>,
    kind: Spanned<String>,
    platform: Spanned<String>,
    environment: EnvironmentText,
    build: BuildText,
    artifact: ArtifactText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvironmentText {
    name: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BuildText {
    command: Spanned<Vec<String>>,
    inner_path: Option<Spanned<String>>,
    #[serde(default)]
    env: BTreeMap<Spanned<String>, Spanned<String>>,
    jobs: Option<Spanned<u64>>,
    source_date_epoch: Option<Spanned<u64>>,
    #[serde(default)]
    limits: LimitsText,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsText {
    wall_ms: Option<Spanned<u64>>,
    output_bytes_max: Option<Spanned<u64>>,
    file_bytes_max: Option<Spanned<u64>>,
    disk_bytes_max: Option<Spanned<u64>>,
    memory_bytes_max: Option<Spanned<u64>>,
    processes_max: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArtifactText {
    path: Spanned<String>,
    name: Spanned<String>,
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Recipe, RecipeFault> {
    let whole = |value: String, want: &str| RecipeFault {
        line: 1,
        field: "recipe".to_owned(),
        value,
        want: want.to_owned(),
    };
    if bytes.len() as u64 > RECIPE_BYTES_MAX {
        return Err(whole(
            format!("{} bytes", bytes.len()),
            "at most 65,536 bytes",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| whole("bytes".to_owned(), "UTF-8 text"))?;
    let at = Places { text };
    let recipe: RecipeText = toml::from_str(text).map_err(|error| at.toml(&error))?;
    let build = &recipe.build;
    Ok(Recipe {
        product: at.checked(
            "product",
            &recipe.product,
            is_product,
            "1 to 64 of a-z, 0-9 and -, not starting with -",
        )?,
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
            is_product,
            "1 to 64 of a-z, 0-9 and -",
        )?,
        command: at.command(&build.command)?,
        inner_path: at.inner_path(build.inner_path.as_ref())?,
        env: at.env(&build.env)?,
        jobs: u32::try_from(at.number(
            "build.jobs",
            build.jobs.as_ref(),
            8,
            1..=u64::from(JOBS_MAX),
        )?)
        .unwrap_or(JOBS_MAX),
        source_date_epoch: at.number(
            "build.source_date_epoch",
            build.source_date_epoch.as_ref(),
            DEFAULT_EPOCH,
            0..=EPOCH_MAX,
        )?,
        limits: at.limits(&build.limits)?,
        artifact_path: at.word(
            "artifact.path",
            &recipe.artifact.path,
            "a relative path without . and ..",
        )?,
        artifact_name: at.checked(
            "artifact.name",
            &recipe.artifact.name,
            is_file_name,
            "1 to 128 of letters, digits, . _ + - not starting with . or -",
        )?,
        digest: tlog::sha256(bytes),
    })
}

/// The text, for lines and for values as written.
struct Places<'a> {
    text: &'a str,
}

impl Places<'_> {
    fn fault(&self, field: &str, span: Range<usize>, want: &str) -> RecipeFault {
        let start = span.start.min(self.text.len());
        let written = self.text.get(span).unwrap_or_default();
        RecipeFault {
            line: self.text.as_bytes()[..start]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count()
                + 1,
            field: field.to_owned(),
            value: written.chars().take(100).collect(),
            want: want.to_owned(),
        }
    }

    /// A refusal of the TOML reader: unknown or missing fields, wrong types, broken syntax.
    fn toml(&self, error: &toml::de::Error) -> RecipeFault {
        let message = error.message().lines().collect::<Vec<_>>().join(" ");
        let mut fault = self.fault("", error.span().unwrap_or(0..0), &message);
        let line = self.text.lines().nth(fault.line - 1).unwrap_or_default();
        if let Some(name) = message.strip_prefix("missing field ") {
            (fault.field, fault.value) = (name.replace('`', ""), "(absent)".to_owned());
        } else if let Some((field, value)) = line.split_once('=') {
            (fault.field, fault.value) = (
                field.trim().to_owned(),
                value.trim().chars().take(100).collect(),
            );
        } else {
            (fault.field, fault.value) =
                (line.trim().chars().take(100).collect(), "(none)".to_owned());
        }
        fault
    }

    fn checked(
        &self,
        field: &str,
        value: &Spanned<String>,
        is_fine: fn(&str) -> bool,
        want: &str,
    ) -> Result<String, RecipeFault> {
        if is_fine(value.get_ref()) {
            Ok(value.get_ref().clone())
        } else {
            Err(self.fault(field, value.span(), want))
        }
    }

    fn word<T: std::str::FromStr>(
        &self,
        field: &str,
        value: &Spanned<String>,
        want: &str,
    ) -> Result<T, RecipeFault> {
        value
            .get_ref()
            .parse()
            .map_err(|_| self.fault(field, value.span(), want))
    }

    fn number(
        &self,
        field: &str,
        value: Option<&Spanned<u64>>,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, RecipeFault> {
        let Some(value) = value else {
            return Ok(default);
        };
        if range.contains(value.get_ref()) {
            return Ok(*value.get_ref());
        }
        Err(self.fault(
            field,
            value.span(),
            &format!("a number from {} to {}", range.start(), range.end()),
        ))
    }

    fn command(&self, command: &Spanned<Vec<String>>) -> Result<Vec<String>, RecipeFault> {
        let words = command.get_ref();
        let is_fine = (1..=WORDS_MAX).contains(&words.len())
            && !words[0].is_empty()
            && words.iter().all(|word| is_word(word));
        if is_fine {
            Ok(words.clone())
        } else {
            Err(self.fault(
                "build.command",
                command.span(),
                "1 to 64 words of at most 4,096 bytes, the first not empty",
            ))
        }
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
            "a plain path below /build/, other than /build/home",
        ))
    }

    fn env(
        &self,
        env: &BTreeMap<Spanned<String>, Spanned<String>>,
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
            if !is_word(value.get_ref()) {
                return Err(self.fault(
                    &format!("build.env.{text}"),
                    value.span(),
                    "at most 4,096 bytes without NUL",
                ));
            }
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

fn is_word(word: &str) -> bool {
    word.len() <= WORD_BYTES_MAX && !word.contains('\0')
}

fn is_product(text: &str) -> bool {
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
