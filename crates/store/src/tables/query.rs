//! A query, before it is known which database runs it, and what comes back.

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments as _, Decode, Error, Row as _, Sqlite, Type};

#[cfg(feature = "postgres")]
use crate::postgres::answered_query;
#[cfg(feature = "postgres")]
use sqlx::Postgres;
#[cfg(feature = "postgres")]
use sqlx::postgres::{PgArguments, PgRow};

use super::{Engine, Held, Tables};

/// A value of a column, or none of that type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// INTEGER.
    Integer(Option<i64>),
    /// TEXT.
    Text(Option<String>),
    /// BLOB.
    Blob(Option<Vec<u8>>),
}

macro_rules! values {
    ($($variant:ident from $type:ty: $own:expr;)*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant($own(value))
            }
        }
    )*};
}

values! {
    Integer from i64: Some;
    Integer from &i64: |value: &i64| Some(*value);
    Integer from Option<i64>: |value| value;
    Text from String: Some;
    Text from &str: |value: &str| Some(value.to_owned());
    Text from &String: |value: &String| Some(value.clone());
    Text from Option<String>: |value| value;
    Text from &Option<String>: |value: &Option<String>| value.clone();
    Text from Option<&str>: |value: Option<&str>| value.map(str::to_owned);
    Blob from Vec<u8>: Some;
    Blob from &[u8]: |value: &[u8]| Some(value.to_vec());
    Blob from &Vec<u8>: |value: &Vec<u8>| Some(value.clone());
    Blob from Option<Vec<u8>>: |value| value;
}

/// A statement with the values of its placeholders.
#[derive(Debug)]
#[must_use = "a query does nothing until it is run"]
pub struct Query {
    sql: &'static str,
    values: Vec<Value>,
}

/// A statement with numbered placeholders (`$1`).
pub const fn query(sql: &'static str) -> Query {
    Query {
        sql,
        values: Vec::new(),
    }
}

/// What a statement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    rows: u64,
}

impl Done {
    /// Rows that it inserted, changed or deleted.
    #[must_use]
    pub const fn rows_affected(self) -> u64 {
        self.rows
    }
}

/// Where a query runs: a transaction, a connection, or any connection that is free.
#[derive(Debug)]
pub enum On<'a> {
    /// This connection.
    Held(&'a mut Held),
    /// Any.
    Any(&'a Tables),
}

impl<'a> From<&'a mut Held> for On<'a> {
    fn from(held: &'a mut Held) -> Self {
        Self::Held(held)
    }
}

impl<'a> From<&'a Tables> for On<'a> {
    fn from(tables: &'a Tables) -> Self {
        Self::Any(tables)
    }
}

/// Runs a query on what either database has, and makes of what comes what both have.
macro_rules! run {
    ($query:ident, $on:ident, $run:ident, $each:expr) => {
        match $on.into() {
            On::Held(Held::SqliteWrite(it)) => $query.sqlite()?.$run(&mut **it).await.map($each),
            On::Held(Held::SqliteRead(it)) => $query.sqlite()?.$run(&mut **it).await.map($each),
            On::Any(Tables {
                engine: Engine::Sqlite(db),
            }) => $query.sqlite()?.$run(db.readers()).await.map($each),
            #[cfg(feature = "postgres")]
            On::Held(Held::PostgresWrite(it)) => {
                let running = $query.postgres()?.$run(&mut **it);
                answered_query(running).await.map($each)
            }
            #[cfg(feature = "postgres")]
            On::Held(Held::PostgresRead(it)) => {
                let running = $query.postgres()?.$run(&mut **it);
                answered_query(running).await.map($each)
            }
            #[cfg(feature = "postgres")]
            On::Any(Tables {
                engine: Engine::Postgres(server),
            }) => {
                let running = $query.postgres()?.$run(&server.pool);
                answered_query(running).await.map($each)
            }
        }
    };
}

type Sqlx<DB> = sqlx::query::Query<'static, DB, <DB as sqlx::Database>::Arguments>;

impl Query {
    /// Gives the next placeholder its value.
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Runs it; how many rows it changed.
    ///
    /// # Errors
    /// The database refuses; sort it.
    pub async fn execute<'a>(self, on: impl Into<On<'a>>) -> Result<Done, Error> {
        run!(self, on, execute, Done::from)
    }

    /// The one row.
    ///
    /// # Errors
    /// The database refuses, or there is none.
    pub async fn fetch_one<'a>(self, on: impl Into<On<'a>>) -> Result<Row, Error> {
        run!(self, on, fetch_one, Row::from)
    }

    /// The row, if there is one.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn fetch_optional<'a>(self, on: impl Into<On<'a>>) -> Result<Option<Row>, Error> {
        run!(self, on, fetch_optional, |row| row.map(Row::from))
    }

    /// All rows.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn fetch_all<'a>(self, on: impl Into<On<'a>>) -> Result<Vec<Row>, Error> {
        run!(self, on, fetch_all, |rows| rows
            .into_iter()
            .map(Row::from)
            .collect())
    }

    fn sqlite(self) -> Result<Sqlx<Sqlite>, Error> {
        let mut arguments = SqliteArguments::default();
        for value in self.values {
            match value {
                Value::Integer(value) => arguments.add(value),
                Value::Text(value) => arguments.add(value),
                Value::Blob(value) => arguments.add(value),
            }
            .map_err(Error::Encode)?;
        }
        Ok(sqlx::query_with(self.sql, arguments))
    }

    #[cfg(feature = "postgres")]
    fn postgres(self) -> Result<Sqlx<Postgres>, Error> {
        let mut arguments = PgArguments::default();
        for value in self.values {
            match value {
                Value::Integer(value) => arguments.add(value),
                Value::Text(value) => arguments.add(value),
                Value::Blob(value) => arguments.add(value),
            }
            .map_err(Error::Encode)?;
        }
        Ok(sqlx::query_with(self.sql, arguments))
    }
}

/// A row of what came back.
#[derive(Debug)]
pub enum Row {
    /// Of SQLite.
    Sqlite(SqliteRow),
    /// Of PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(PgRow),
}

impl From<SqliteRow> for Row {
    fn from(row: SqliteRow) -> Self {
        Self::Sqlite(row)
    }
}

#[cfg(feature = "postgres")]
impl From<PgRow> for Row {
    fn from(row: PgRow) -> Self {
        Self::Postgres(row)
    }
}

impl From<sqlx::sqlite::SqliteQueryResult> for Done {
    fn from(done: sqlx::sqlite::SqliteQueryResult) -> Self {
        let rows = done.rows_affected();
        Self { rows }
    }
}

#[cfg(feature = "postgres")]
impl From<sqlx::postgres::PgQueryResult> for Done {
    fn from(done: sqlx::postgres::PgQueryResult) -> Self {
        let rows = done.rows_affected();
        Self { rows }
    }
}

impl Row {
    /// The value of a column, counted from 0.
    ///
    /// # Panics
    /// The query has no such column, or one of another type: a defect of this program.
    #[must_use]
    pub fn get<T: Field, I: Index>(&self, column: I) -> T {
        let column = column.place();
        match self {
            Self::Sqlite(row) => row.get(column),
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => row.get(column),
        }
    }
}

/// A number of a column. One type, so that a literal needs none.
pub trait Index {
    /// The number.
    fn place(self) -> usize;
}

impl Index for usize {
    fn place(self) -> usize {
        self
    }
}

/// A type that a column is read as.
#[cfg(not(feature = "postgres"))]
pub trait Field: for<'r> Decode<'r, Sqlite> + Type<Sqlite> {}

#[cfg(not(feature = "postgres"))]
impl<T: for<'r> Decode<'r, Sqlite> + Type<Sqlite>> Field for T {}

/// A type that a column is read as.
#[cfg(feature = "postgres")]
pub trait Field:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

#[cfg(feature = "postgres")]
impl<T> Field for T where
    T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}
