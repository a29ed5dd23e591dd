//! A monitor: looks again and again, reads only what is new, and never forgets a root it has seen.
//!
//! The cursor is a file, replaced whole after each look:
//!
//! ```text
//! {"anchor":"…","logs":{"center.example/log":[{"size":9,"note":"center.example/log\n9\n…"}]},"told":["…"]}
//! ```
//!
//! After a restart the logs are read once from the beginning, since that is what a judgement rests on, and
//! every root in the cursor must be met again. Two checkpoints that contradict each other are written to
//! files of their own, for everybody to see: a text, and fork evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use statement::{FileDigest, StatementDigest};

use crate::error::AuditError;
use crate::findings::{Evidence, Found};
use crate::limits::CURSOR_BYTES_MAX;
use crate::report::Report;
use crate::run::{Audit, Request};

/// What is remembered between two runs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    anchor: StatementDigest,
    logs: BTreeMap<String, Vec<Seen>>,
    /// Findings that were told already, by digest.
    told: BTreeSet<FileDigest>,
}

/// A checkpoint that held.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    size: u64,
    note: String,
}

/// What one look brought.
#[derive(Debug)]
pub struct News {
    /// Findings that were not told before, the worst first.
    pub findings: Vec<Found>,
    /// Evidence files written by this look.
    pub evidence: Vec<PathBuf>,
    /// The whole report.
    pub report: Report,
}

/// A monitor with its cursor.
#[derive(Debug)]
pub struct Watch {
    audit: Audit,
    path: PathBuf,
    told: BTreeSet<FileDigest>,
}

impl Watch {
    /// Takes up the cursor at `path`, or begins one.
    ///
    /// # Errors
    /// The request is no audit, or the cursor is not one under this anchor: it is never overwritten then.
    pub fn open(request: Request, path: &Path) -> Result<Self, AuditError> {
        let anchor = request.anchor;
        let mut audit = Audit::new(request)?;
        let mut told = BTreeSet::new();
        if let Some(cursor) = read_cursor(path, anchor)? {
            told = cursor.told;
            for (origin, seen) in cursor.logs {
                let mut logs = audit.logs.iter_mut();
                let Some(log) = logs.find(|log| log.reader.origin.as_str() == origin) else {
                    return Err(broken(
                        path,
                        format!("it remembers {origin}, which was not given"),
                    ));
                };
                for Seen { size, note } in seen {
                    log.remember(size, note.into_bytes());
                }
            }
        }
        Ok(Self {
            audit,
            path: path.to_owned(),
            told,
        })
    }

    /// Looks once; the cursor is written before the news are returned.
    ///
    /// # Errors
    /// A place cannot be read, or cursor or evidence cannot be written.
    pub async fn look(&mut self, now: u64) -> Result<News, AuditError> {
        let report = self.audit.look(now).await?;
        let told = &mut self.told;
        let findings: Vec<Found> = report
            .findings
            .iter()
            .filter(|found| told.insert(name_of(found)))
            .cloned()
            .collect();
        let mut evidence = Vec::new();
        let dir = self.path.with_file_name("");
        for item in &report.evidence {
            evidence.extend(item.keep_in(&dir)?);
        }
        self.write_cursor()?;
        Ok(News {
            findings,
            evidence,
            report,
        })
    }

    fn write_cursor(&self) -> Result<(), AuditError> {
        let logs = self.audit.logs.iter().map(|log| {
            let seen = log.remembered.iter().flat_map(|(size, notes)| {
                notes.iter().map(|note| Seen {
                    size: *size,
                    note: String::from_utf8_lossy(note).into_owned(),
                })
            });
            (log.reader.origin.to_string(), seen.collect())
        });
        let cursor = Cursor {
            anchor: self.audit.anchor,
            logs: logs.collect(),
            told: self.told.clone(),
        };
        let text = serde_json::to_string(&cursor).map_err(|error| AuditError::Write {
            path: self.path.clone(),
            source: error.into(),
        })?;
        let next = self.path.with_extension("next");
        write_durably(&next, text.as_bytes(), false)?;
        fs::rename(&next, &self.path).map_err(|source| AuditError::Write {
            path: self.path.clone(),
            source,
        })
    }
}

/// What makes a finding the same one. The age in a text changes with every look, so texts do not take part
/// where log, code and entry say enough.
fn name_of(found: &Found) -> FileDigest {
    let finding = &found.finding;
    let log = found.log.as_ref().map(ToString::to_string);
    let what = finding.entry.is_none() && !finding.code.starts_with("freshness.");
    let what = what.then_some(finding.what.as_str());
    let name = (
        log,
        finding.code,
        finding.entry,
        finding.subject.map(|s| s.to_string()),
        what,
    );
    FileDigest::of(format!("{:?} {name:?}", finding.severity).as_bytes())
}

fn broken(path: &Path, why: String) -> AuditError {
    AuditError::Cursor {
        path: path.to_owned(),
        why,
    }
}

fn read_cursor(path: &Path, anchor: StatementDigest) -> Result<Option<Cursor>, AuditError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(AuditError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    if bytes.len() > CURSOR_BYTES_MAX {
        return Err(broken(path, format!("it has {} bytes", bytes.len())));
    }
    let cursor: Cursor =
        serde_json::from_slice(&bytes).map_err(|error| broken(path, error.to_string()))?;
    if cursor.anchor != anchor {
        return Err(broken(path, format!("its anchor is {}", cursor.anchor)));
    }
    Ok(Some(cursor))
}

fn write_durably(path: &Path, bytes: &[u8], new: bool) -> Result<(), AuditError> {
    let mut options = fs::OpenOptions::new();
    options.write(true);
    if new {
        options.create_new(true);
    } else {
        options.create(true).truncate(true);
    }
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|source| AuditError::Write {
        path: path.to_owned(),
        source,
    })
}

impl Evidence {
    /// Writes it into a directory, once: a text for people, and fork evidence where there is any. Returns the files
    /// that are new.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn keep_in(&self, dir: &Path) -> Result<Vec<PathBuf>, AuditError> {
        let text = self.to_text();
        let name = format!("evidence-{}.txt", FileDigest::of(text.as_bytes()).short());
        let fork = self.fork.as_ref();
        let fork = fork.map(|fork| (fork.name.clone(), fork.bytes.as_slice()));
        let mut new = Vec::new();
        for (name, bytes) in [Some((name, text.as_bytes())), fork].into_iter().flatten() {
            let path = dir.join(name);
            if !path.exists() {
                write_durably(&path, bytes, true)?;
                new.push(path);
            }
        }
        Ok(new)
    }

    /// The file for everybody to see: why, then both checkpoints byte for byte.
    pub fn to_text(&self) -> String {
        format!(
            "Two checkpoints of {} that do not fit together:\n{}\n\nseen first\n{RULE}\n{}{RULE}\n\nshown now\n{RULE}\n{}{RULE}\n",
            self.origin,
            self.why,
            String::from_utf8_lossy(&self.earlier),
            String::from_utf8_lossy(&self.later),
        )
    }
}

const RULE: &str = "----------------------------------------";
