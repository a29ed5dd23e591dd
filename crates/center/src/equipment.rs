//! What machines judge with: rules and a scoring table, copied into the cell's directory when it starts, so that what is held
//! against the releases is what children get; and the releases themselves, with the proofs that owners are shown.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use law::{Refusal, ReleasedTools, ToolNames};
use logclient::Follower;
use serde::Serialize;
use statement::{FileDigest, SampleId, StatementDigest};
use store::tables::{Row, query};

use crate::cell::Cell;
use crate::config::Config;
use crate::disclosure::Logged;
use crate::error::CenterError;
use crate::intake::row_error;
use crate::schema::to_sql;

/// Names of a database's files, beside `*.yar`.
const SCORING: &str = "scoring.txt";
const KNOWN_BAD: &str = "known-bad.txt";

/// Copies of what was configured, and what they are.
#[derive(Debug, Clone)]
pub(crate) struct Equipment {
    /// Where the copies are: what children scan with.
    pub(crate) database: PathBuf,
    rules: Vec<(String, FileDigest)>,
    scoring: FileDigest,
}

/// The releases that this cell works with, judged by the log as it was read last.
#[derive(Debug, Clone)]
pub(crate) enum Tools {
    /// Every verdict names them.
    InForce(Box<ReleasedTools>),
    /// Nothing is opened for machines.
    Refused(Refusal),
}

impl Equipment {
    /// Copies the files anew.
    pub(crate) fn take(config: &Config) -> Result<Self, CenterError> {
        let database = config.dir.join("database");
        match fs::remove_dir_all(&database) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(CenterError::file("empty", &database)(error));
            }
            _ => {}
        }
        fs::create_dir_all(&database).map_err(CenterError::file("make", &database))?;
        open_to_all(&database, 0o755)?;
        let mut rules = Vec::new();
        let mut scoring = FileDigest::of(scan::FIRST_SCORING.as_bytes());
        for path in files_of(config)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let digest = copy(&path, &database.join(&*name))?;
            match &*name {
                SCORING => scoring = digest,
                _ => rules.push((name.into_owned(), digest)),
            }
        }
        if let Some(table) = &config.scoring_table {
            scoring = copy(table, &database.join(SCORING))?;
        }
        Ok(Self {
            database,
            rules,
            scoring,
        })
    }
}

/// The files of the configured directory that a database is made of, in the order of their names.
fn files_of(config: &Config) -> Result<Vec<PathBuf>, CenterError> {
    let Some(dir) = &config.database else {
        return Ok(Vec::new());
    };
    let failed = || CenterError::file("read", dir);
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name == SCORING || name == KNOWN_BAD || name.ends_with(".yar") {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

fn copy(from: &Path, to: &Path) -> Result<FileDigest, CenterError> {
    let bytes = fs::read(from).map_err(CenterError::file("read", from))?;
    fs::write(to, &bytes).map_err(CenterError::file("write", to))?;
    open_to_all(to, 0o644)?;
    Ok(FileDigest::of(&bytes))
}

/// Children have another uid. Nothing here is a secret: it was released.
fn open_to_all(path: &Path, mode: u32) -> Result<(), CenterError> {
    let open = fs::Permissions::from_mode(mode);
    fs::set_permissions(path, open).map_err(CenterError::file("open to all", path))
}

/// A release that machines judged by, as an owner is shown it: each signature with its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct ShownTool(Logged);

impl Cell {
    /// What verdicts name.
    pub(crate) const fn tool_names(&self) -> ToolNames {
        ToolNames {
            worker: self.config.worker,
            rules: self.config.rules,
            scoring: self.config.scoring,
        }
    }

    /// Judges the tools by the log as it was just read. Before a verdict names them, their proofs are here; nothing when no machine
    /// works in this process.
    pub(crate) async fn judge_tools(
        &self,
        follower: &Follower,
    ) -> Result<Option<Tools>, CenterError> {
        let Some(equipment) = &self.equipment else {
            return Ok(None);
        };
        let judged = ReleasedTools::check(follower.view()?, self.tool_names());
        let judged = judged.and_then(|tools| {
            tools.check_files(&equipment.rules, equipment.scoring)?;
            Ok(tools)
        });
        let tools = match judged {
            Ok(tools) => tools,
            Err(refusal) => return Ok(Some(Tools::Refused(refusal))),
        };
        self.keep_proofs(follower, &tools.entries()).await?;
        Ok(Some(Tools::InForce(Box::new(tools))))
    }

    /// Why machines are at rest, if they are.
    pub(crate) fn tools_refused(&self) -> Result<(), CenterError> {
        match self.ground().and_then(|ground| ground.tools.clone()) {
            Some(Tools::Refused(refusal)) => Err(refusal.into()),
            _ => Ok(()),
        }
    }

    async fn keep_proofs(
        &self,
        follower: &Follower,
        entries: &[(StatementDigest, u64)],
    ) -> Result<(), CenterError> {
        let rows = query("SELECT position FROM tools")
            .fetch_all(self.db.readers())
            .await
            .map_err(|e| self.db.sort(e))?;
        let known: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        let missing = entries
            .iter()
            .filter(|(_, at)| !known.contains(&to_sql(*at)));
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() {
            return Ok(());
        }
        let indices: Vec<u64> = missing.iter().map(|(_, at)| *at).collect();
        let bundle = follower.bundle(&indices).await?;
        let proofs: Vec<_> = bundle.entries.iter().zip(bundle.to_tlog_proofs()).collect();
        let mut write = self.db.begin().await?;
        for (release, at) in missing {
            let Some((entry, proof)) = proofs.iter().find(|(entry, _)| entry.index == *at) else {
                continue;
            };
            query(
                "INSERT INTO tools (position, release, entry, proof) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            )
            .bind(to_sql(*at))
            .bind(release.to_string())
            .bind(entry.entry.as_slice())
            .bind(proof.to_bytes())
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        }
        Ok(self.db.commit(write).await?)
    }

    /// The releases that the tries of a sample name, each signature with its proof.
    pub(crate) async fn shown_tools(
        &self,
        sample: &SampleId,
    ) -> Result<Vec<ShownTool>, CenterError> {
        let rows = query(
            "SELECT entry, proof FROM tools WHERE release IN (
                 SELECT worker FROM tries WHERE sample = $1 UNION SELECT rules FROM tries WHERE sample = $1
                 UNION SELECT scoring FROM tries WHERE sample = $1)
             ORDER BY position",
        )
        .bind(sample.as_str())
        .fetch_all(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| row_error("a release"));
        let shown = |row: &Row| {
            Ok(ShownTool(Logged {
                proven: None,
                entry: text(row.get(0))?,
                proof: text(row.get(1))?,
            }))
        };
        rows.iter().map(shown).collect()
    }
}
