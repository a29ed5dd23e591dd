//! A cell of several processes: tables on a PostgreSQL server, ciphertext and keys of epochs in a directory that all of
//! them see.
//!
//! ```text
//! [remote]
//! postgres = "file:/etc/limpid/postgres"     one line: postgres://cell@db.example/limpid
//! schema = "cell_ch"
//! shared = "/srv/limpid/cell-ch"
//! ```

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use store::Tables;
use store::tables::query;

use crate::config::Config;
use crate::error::CenterError;
use crate::occupied::Occupancy;
use crate::schema::MIGRATIONS;

/// Where tables and files are when several processes share them. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteConfig {
    /// Where the address of the database is: `env:NAME` or `file:PATH`, holding one line
    /// `postgres://user:password@host/database`. Another machine is believed by its certificate only;
    /// `?sslrootcert=/etc/limpid/ca.pem` names an own authority.
    pub postgres: String,
    /// The schema of this cell's tables; each cell of a database has its own.
    #[serde(default = "default_schema")]
    pub schema: String,
    /// Directory of ciphertext and keys of epochs, the same for all processes of the cell, on a file system where
    /// `flock` is seen by all of them.
    pub shared: PathBuf,
}

fn default_schema() -> String {
    "limpid_cell".to_owned()
}

/// What a cell works on.
pub(crate) struct Site {
    pub(crate) db: Tables,
    /// Directory of ciphertext and keys of epochs.
    pub(crate) files: PathBuf,
    pub(crate) occupancy: Occupancy,
}

/// Opens tables and files where the configuration says that they are.
pub(crate) async fn open(config: &Config) -> Result<Site, CenterError> {
    let Some(remote) = &config.remote else {
        return Ok(Site {
            db: Tables::open_file(&config.dir.join("cell.sqlite3"), MIGRATIONS).await?,
            files: config.dir.clone(),
            occupancy: Occupancy::alone(),
        });
    };
    let db = open_server(remote).await?;
    fs::create_dir_all(&remote.shared).map_err(file("make", &remote.shared))?;
    check_place(&db, &remote.shared).await?;
    Ok(Site {
        db,
        files: remote.shared.clone(),
        occupancy: Occupancy::shared(remote.shared.join("locks"))?,
    })
}

#[cfg(feature = "postgres")]
async fn open_server(remote: &RemoteConfig) -> Result<Tables, CenterError> {
    let url = store::Secret::from_origin(&remote.postgres)?;
    let address = store::PostgresAddress::read(&url, &remote.schema)?;
    Ok(Tables::open_server(address, MIGRATIONS).await?)
}

#[cfg(not(feature = "postgres"))]
async fn open_server(_: &RemoteConfig) -> Result<Tables, CenterError> {
    Err(CenterError::NotBuilt)
}

/// Refuses a directory that another process of this cell does not see: what this one acknowledged would be lost to it.
/// The directory has a mark, and the tables have the mark of the first directory that was used with them.
async fn check_place(db: &Tables, shared: &Path) -> Result<(), CenterError> {
    let mark = mark_of(shared)?;
    let mut write = db.begin().await?;
    query("INSERT INTO place (one, mark) VALUES (1, $1) ON CONFLICT (one) DO NOTHING")
        .bind(&mark)
        .execute(&mut *write)
        .await
        .map_err(|e| db.sort(e))?;
    db.commit(write).await?;
    let row = query("SELECT mark FROM place")
        .fetch_one(db.readers())
        .await
        .map_err(|e| db.sort(e))?;
    match row.get::<String, _>(0) == mark {
        true => Ok(()),
        false => Err(CenterError::OtherPlace {
            path: shared.to_owned(),
        }),
    }
}

/// The mark of a directory; made when absent, by one of those who look at the same time.
fn mark_of(shared: &Path) -> Result<String, CenterError> {
    let drawn = tlog::Hash::from_bytes(*keys::random_bytes::<32>()?).to_hex();
    let (path, draft) = (shared.join("mark"), shared.join(format!("mark.{drawn}")));
    let write = || {
        let mut file = File::create_new(&draft)?;
        file.write_all(drawn.as_bytes())?;
        file.sync_all()?;
        // A name that is taken stays as it is.
        let linked = fs::hard_link(&draft, &path);
        fs::remove_file(&draft)?;
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => File::open(shared)?.sync_all()?,
        }
        fs::read_to_string(&path)
    };
    write().map_err(file("mark", shared))
}

fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> CenterError + use<> {
    let path = path.to_owned();
    move |source| CenterError::File {
        action,
        path,
        source,
    }
}
